internal import CKernel

/// A thread's general registers, as ptrace(2) gives and takes them.
struct Registers: Equatable {
  var bits = ckernel_user_regs()

  /// Whether the thread runs 64-bit code.
  ///
  /// Source: `arch/x86/include/asm/segment.h`, __USER_CS.
  var is64Bit: Bool { bits.cs == 0x33 }

  /// No system call to be made again by the kernel.
  static let noCall = UInt64.max

  /// The number of the system call it came from, `nil`: none.
  var call: Int? {
    let number = Int64(bitPattern: bits.orig_rax)
    return number >= 0 ? Int(number) : nil
  }

  /// What that call gave.
  var result: Int { Int(Int64(bitPattern: bits.rax)) }

  /// The same, about to make a system call at `address`.
  func calling(_ number: Int, _ arguments: [UInt64], at address: UInt64) -> Registers {
    let arguments = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
    var copy = self
    copy.bits.rip = address
    copy.bits.rax = UInt64(number)
    copy.bits.orig_rax = Self.noCall
    copy.bits.rdi = arguments[0]
    copy.bits.rsi = arguments[1]
    copy.bits.rdx = arguments[2]
    copy.bits.r10 = arguments[3]
    copy.bits.r8 = arguments[4]
    copy.bits.r9 = arguments[5]
    return copy
  }

  static func == (left: Registers, right: Registers) -> Bool {
    bytes(of: left.bits) == bytes(of: right.bits)
  }
}
