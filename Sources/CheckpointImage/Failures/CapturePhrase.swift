/// A clause about a failed step: `before`, the subject, the name in parentheses, `after`.
public struct CapturePhrase: Sendable {
  /// How the failure's subject and name are said.
  public enum Subject: Sendable {
    case none, decimal, hexadecimal, signal

    /// The name is the image's path and begins the clause; "the image" when it is empty.
    case image

    /// The same; the subject is the number of bytes that were written.
    case writtenImage

    public var isImage: Bool { self == .image || self == .writtenImage }
  }

  public let before: StaticString
  public let subject: Subject
  public let after: StaticString

  init(_ before: StaticString, _ subject: Subject = .none, _ after: StaticString = "") {
    self.before = before
    self.subject = subject
    self.after = after
  }
}
