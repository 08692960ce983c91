internal import CKernel
internal import Kernel
internal import KernelABI

/// The memory that this program itself lies in.
enum OwnMemory {
  /// Puts copies in the place of what is mapped from this program's file.
  ///
  /// While any of it is mapped, the kernel does not let the process have another `/proc/PID/exe`.
  ///
  /// Source: `kernel/fork.c`, `replace_mm_exe_file`; elf(5).
  static func detachFromFile(_ own: AddressRange) throws(Errno) {
    let header = Memory.load(ckernel_elf64_ehdr.self, at: own.start)
    for index in 0..<UInt64(header.phnum) {
      let segment = Memory.load(
        ckernel_elf64_phdr.self,
        at: own.start + header.phoff + index * UInt64(header.phentsize))
      guard segment.type == 1, segment.filesz > 0 else { continue }
      let start = Address(segment.vaddr).roundedDownToPage
      let end = Address(segment.vaddr + segment.filesz).roundedUpToPage
      try replace(
        AddressRange(start: start.rawValue, end: end.rawValue) ?? .empty,
        Protection(rawValue: Int32(bitPattern: protection(segment.flags))))
    }
  }

  /// PROT_READ, PROT_WRITE and PROT_EXEC (1, 2, 4) for PF_X, PF_W and PF_R (1, 2, 4).
  private static func protection(_ flags: UInt32) -> UInt32 {
    (flags & 4) >> 2 | flags & 2 | (flags & 1) << 2
  }

  /// The code that runs this is in there too: it goes on in the copy.
  private static func replace(_ range: AddressRange, _ protection: Protection) throws(Errno) {
    let place = try Mapping.map(
      byteCount: range.byteCount, .read | .write, .private | .anonymous)
    guard let copy = AddressRange(start: place, byteCount: range.byteCount) else { return }
    Memory.copy(from: range.start, to: place, byteCount: range.byteCount)
    try Mapping.protect(copy, protection)
    try Mapping.move(copy, to: range.start)
  }
}
