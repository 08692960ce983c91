internal import CImage
internal import Kernel
internal import KernelABI

/// A memfd_create(2) file.
enum MemoryFile {
  /// Source: `include/uapi/linux/memfd.h`, `include/uapi/linux/fcntl.h`.
  private static let allowSealing: UInt32 = 2
  private static let executable: UInt32 = 0x10
  private static let sealSeal: UInt32 = 1

  /// Kernels without MFD_EXEC (before 6.3) say EINVAL to it and make executable files anyway.
  static func make(_ object: ckpt_object, named name: Address) throws(Errno) -> Int32 {
    let sealing = object.seals == sealSeal ? 0 : allowSealing
    var text = InlineArray<256, UInt8>(repeating: 0)
    let count = min(UInt64(object.name.byte_count), 249)
    return try withAddress(of: &text) { (address) throws(Errno) in
      if count > 0 { Memory.copy(from: name, to: address, byteCount: count) }
      let flags = sealing | object.flags
      do throws(Errno) {
        return try Files.memoryFile(name: address, flags: flags | executable)
      } catch {
        return try Files.memoryFile(name: address, flags: flags)
      }
    }
  }
}
