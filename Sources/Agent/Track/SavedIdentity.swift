internal import CImage
internal import Kernel
internal import KernelABI

/// Which image a file is, from its digests: they are at a place that the ELF header tells.
struct SavedIdentity: BitwiseCopyable {
  var low: UInt64
  var high: UInt64

  /// - Throws: `invalid` when it is no image.
  init(of file: borrowing FileDescriptor) throws(Errno) {
    var words = InlineArray<8, UInt64>(repeating: 0)
    try Self.read(file, &words, at: 0)
    guard words[0] == 0x0001_0102_464C_457F else { throw .invalid }
    // The second section header is the digests'; its fourth word is where they are.
    try Self.read(file, &words, at: words[5] &+ 64)
    try Self.read(file, &words, at: words[3])
    guard words[0] == UInt64(CKPT_DIGEST_MAGIC) else { throw .invalid }
    low = words[1]
    high = words[2]
  }

  private static func read(
    _ file: borrowing FileDescriptor, _ words: inout InlineArray<8, UInt64>, at offset: UInt64
  ) throws(Errno) {
    let number = file.number
    guard offset < 1 << 62 else { throw .invalid }
    let count = try withAddress(of: &words) { (address) throws(Errno) in
      try Files.read(number, to: address, byteCount: 64, at: offset)
    }
    guard count == 64 else { throw .invalid }
  }
}
