internal import Kernel
internal import KernelABI

/// How a file is packed that is no image as it is: told by its first bytes, whatever its name.
enum Packing: UInt8, BitwiseCopyable {
  case lz4, zstd, gzip, encrypted

  /// By the first 8 bytes; `nil`: it is not packed, as far as is known here.
  init?(_ prefix: UInt64) {
    switch UInt32(truncatingIfNeeded: prefix) {
    case 0x184D_2204: self = .lz4
    case 0xFD2F_B528: self = .zstd
    case let magic where magic & 0xFFFFFF == 0x088B1F: self = .gzip
    default:
      // "CKPTSEAL"
      guard prefix == 0x4C41_4553_5450_4B43 else { return nil }
      self = .encrypted
    }
  }

  /// How the file is packed, as far as it can be read.
  init?(of path: ByteString) {
    var prefix: UInt64 = 0
    guard
      let file = try? FileDescriptor(path: path.address, .readOnly | .nonBlocking),
      (try? FileStatus(of: file.number))?.kind == .regular,
      let count = try? withAddress(
        of: &prefix,
        { (address) throws(Errno) in
          try file.readFully(to: address, byteCount: 8, at: 0)
        }), count == 8
    else { return nil }
    self.init(prefix)
  }

  /// What to say of a stream that comes packed: this program takes images as they are.
  var refusal: RestartFailure {
    RestartFailure(
      .damagedImage, "cannot restart the stream",
      why: self == .encrypted ? "it is encrypted" : "it is compressed",
      hint: self == .encrypted
        ? "`ckpt restart --key FILE -` takes it" : "`ckpt restart -` takes it")
  }
}
