internal import CImage
internal import Kernel
internal import KernelABI

/// A file that had no name any more.
enum UnlinkedFile {
  /// Makes one without a name in the folder it had, else in /tmp, else in memory.
  static func make(_ object: ckpt_object, at path: Address) throws(Errno) -> Int32 {
    let text = Memory.bytes(at: path, count: Int(object.name.byte_count))
    var length = Int(object.name.byte_count)
    while length > 1, text.byte(at: length - 1) != 0x2F { length -= 1 }
    var folder = Line()
    if length > 0, length < Line.capacity {
      for index in 0..<length { folder.append(text.byte(at: index)) }
      if let number = try? open(in: &folder) { return number }
    }
    var fallback = Line("/tmp")
    if let number = try? open(in: &fallback) { return number }
    return try Files.memoryFile(name: ("ckpt-unlinked" as StaticString).address, flags: 0)
  }

  private static func open(in folder: inout Line) throws(Errno) -> Int32 {
    try folder.withPath { (address) throws(Errno) in
      try Files.open(path: address, .temporaryFile | .readWrite, mode: 0o600)
    }
  }
}
