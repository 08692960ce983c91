internal import Kernel
internal import KernelABI
internal import Procfs

/// Numbers in files below /proc/sys.
enum Sysctl {
  /// The first number in a file, `nil` when there is no such file or it can't be read.
  static func number(_ path: StaticString) -> UInt64? {
    var text = InlineArray<64, UInt8>(repeating: 0)
    guard let file = try? FileDescriptor(path, .readOnly) else { return nil }
    let count = try? withAddress(of: &text) { (address) throws(Errno) in
      try file.read(to: address, byteCount: 64)
    }
    guard let count else { return nil }
    return withBytes(&text, count: Int(count))
  }

  private static func withBytes(_ text: inout InlineArray<64, UInt8>, count: Int) -> UInt64? {
    try? withAddress(of: &text) { (address) throws(Errno) in
      var cursor = TextCursor(Memory.bytes(at: address, count: count))
      guard let value = cursor.number() else { throw .invalid }
      return value
    }
  }
}
