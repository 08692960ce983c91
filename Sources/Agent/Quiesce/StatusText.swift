internal import Kernel
internal import KernelABI
internal import Procfs

/// Numbers from /proc/thread-self/status and files of the same form.
enum StatusText {
  /// Bytes of text; status has about 1,500, meminfo as many.
  static let capacity: UInt64 = 16 << 10

  /// The number on the line that begins with `label`.
  ///
  /// Sizes are in KiB there.
  ///
  /// - Returns: `nil` when there is no such line.
  static func number(
    _ label: StaticString, in file: StaticString = "/proc/thread-self/status",
    _ scratch: inout Arena
  ) throws(Errno) -> UInt64? {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    let text = try scratch.reserve(capacity)
    let file = try FileDescriptor(file, .readOnly)
    let count = try file.readToEnd(to: text, capacity: capacity)
    var cursor = TextCursor(Memory.bytes(at: text, count: Int(count)))
    return cursor.number(labelled: label)
  }
}
