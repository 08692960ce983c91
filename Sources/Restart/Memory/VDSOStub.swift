internal import Kernel
internal import KernelABI

/// Code put over the entry of a function of a saved vdso, which another kernel can't serve.
enum VDSOStub: Equatable {
  /// Goes on in the function of the same name of this kernel's vdso.
  case jump(to: Address)

  /// Makes the system call that does the same.
  case call(UInt32)

  /// Fails with ENOSYS.
  case refuse

  /// The longest stub.
  static let byteCount = 12

  /// The code, little-endian: bytes 0 to 7 and bytes 8 to 11 of it.
  var code: (UInt64, UInt32) {
    switch self {
    case .jump(let target):
      // movabs $target, %rax; jmp *%rax
      (0xb848 | target.rawValue << 16, UInt32(target.rawValue >> 48) | 0xe0ff_0000)
    case .call(let number):
      // mov $number, %eax; syscall; ret; int3 …
      (0xb8 | UInt64(number) << 8 | 0xc3_050f << 40, 0xcccc_cccc)
    case .refuse:
      // mov $-38, %rax; ret; int3 …
      (0xc3ff_ffff_dac0_c748, 0xcccc_cccc)
    }
  }

  func write(at address: Address) {
    Memory.store(code.0, at: address)
    Memory.store(code.1, at: address + 8)
  }

  /// What to put over function `index` of a saved vdso, when this kernel's lies at `start`.
  static func replacing(
    _ index: Int, of saved: borrowing VDSOSymbols, by live: borrowing VDSOSymbols, at start: Address
  ) -> VDSOStub {
    if let place = saved.counterpart(of: index, in: live) { return .jump(to: start + place) }
    if let number = call(for: saved, index) { return .call(number) }
    return .refuse
  }

  /// The system call that every vdso function but Intel SGX's stands for.
  ///
  /// Source: vdso(7); getrandom(2) takes the first three arguments of its vdso function.
  private static func call(for symbols: borrowing VDSOSymbols, _ index: Int) -> UInt32? {
    if symbols.hasName("__vdso_clock_gettime", index) { return 228 }
    if symbols.hasName("clock_gettime", index) { return 228 }
    if symbols.hasName("__vdso_gettimeofday", index) { return 96 }
    if symbols.hasName("gettimeofday", index) { return 96 }
    if symbols.hasName("__vdso_time", index) || symbols.hasName("time", index) { return 201 }
    if symbols.hasName("__vdso_clock_getres", index) { return 229 }
    if symbols.hasName("clock_getres", index) { return 229 }
    if symbols.hasName("__vdso_getcpu", index) || symbols.hasName("getcpu", index) { return 309 }
    if symbols.hasName("__vdso_getrandom", index) || symbols.hasName("getrandom", index) {
      return 318
    }
    return nil
  }
}
