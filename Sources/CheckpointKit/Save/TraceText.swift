internal import Synchronization

/// What an agent sends of its trace while it saves.
public final class TraceText: Equatable, Sendable {
  private let text = Mutex("")

  public init() {}

  /// Lines, each with its end.
  public var lines: [String] {
    text.withLock { $0.split(separator: "\n").map { "\($0)\n" } }
  }

  func append(_ more: String) { text.withLock { $0 += more } }

  public static func == (one: TraceText, other: TraceText) -> Bool { one === other }
}
