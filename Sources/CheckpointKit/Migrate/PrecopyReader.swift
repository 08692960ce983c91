internal import CImage
internal import Kernel
internal import KernelABI

/// What of a program's memory was sent while it ran.
public struct PrecopyTotals: Equatable, Sendable {
  /// How often its memory was gone through.
  public var roundCount = 0

  /// Of pages that were sent, some of them more than once.
  public var byteCount: UInt64 = 0
}

/// Follows the frames of `ckpt_rounds.h` as they pass, to know when the last one has.
struct PrecopyReader {
  private(set) var ahead = PrecopyTotals()

  /// Whether all rounds are over.
  private(set) var isAtEnd = false

  private enum Part { case start, regions, frame, pages }
  private var part = Part.start

  /// Bytes until the part is over, and those of a record that have come.
  private var rest = UInt64(MemoryLayout<ckpt_rounds>.size)
  private var record: [UInt8] = []

  /// - Returns: false when this is no such stream.
  mutating func pass(_ address: Address, _ count: Int) -> Bool {
    var position: UInt64 = 0
    while position < UInt64(count) {
      guard !isAtEnd else { return false }
      let taken = min(rest, UInt64(count) - position)
      if part == .start || part == .frame {
        for offset in 0..<taken {
          record.append(Kernel.Memory.load(UInt8.self, at: address + position + offset))
        }
      }
      position += taken
      rest -= taken
      if rest == 0, !goOn() { return false }
    }
    return true
  }

  /// Begins what comes behind a part.
  private mutating func goOn() -> Bool {
    defer { record.removeAll(keepingCapacity: true) }
    switch part {
    case .start:
      guard let start = value(ckpt_rounds.self, in: record), start.magic == CKPT_ROUNDS_MAGIC
      else { return false }
      begin(.regions, UInt64(start.region_count) * UInt64(MemoryLayout<ckpt_rounds_region>.size))
      if rest == 0 { begin(.frame, Self.frameByteCount) }
    case .regions, .pages: begin(.frame, Self.frameByteCount)
    case .frame:
      guard let frame = value(ckpt_round_frame.self, in: record) else { return false }
      return begin(frame)
    }
    return true
  }

  private static let frameByteCount = UInt64(MemoryLayout<ckpt_round_frame>.size)

  private mutating func begin(_ part: Part, _ byteCount: UInt64) {
    (self.part, rest) = (part, byteCount)
  }

  private mutating func begin(_ frame: ckpt_round_frame) -> Bool {
    begin(.frame, Self.frameByteCount)
    switch frame.kind {
    case CKPT_FRAME_PAGES:
      guard frame.count > 0 else { return false }
      begin(.pages, UInt64(frame.count) * pageByteCount)
      ahead.byteCount += rest
    case CKPT_FRAME_ROUND: ahead.roundCount += 1
    case CKPT_FRAME_END: isAtEnd = true
    default: return false
    }
    return true
  }
}
