internal import CKernel

/// A few bytes of code that a thread is made to run, and that bring it back by themselves.
///
/// It has two beginnings: a function call, and a single system call. Both run on into the same end:
/// it sets the signal mask, loads every general register with the number it had, and jumps to where
/// the thread was. So whoever made the thread go there may die at any moment: the thread does what
/// it is at, comes back, and goes on. It needs no stack but for the function call, which brings one.
///
/// Flags are what they were: moves don't change them, nor does a system call; around the function
/// call they are on its stack. So are the vector registers, in an area that `Call` names.
struct ScratchCode: Equatable {
  /// The registers to come back with: `rip`, and all general ones.
  var back: Registers

  /// The signal mask to come back with.
  var mask: UInt64

  /// Where the two beginnings are, in bytes from the start of the code.
  static let functionOffset: UInt64 = 0
  static let callOffset = UInt64(functionCode.count)

  /// The `syscall` instruction of the end, and what follows it.
  static let maskCallOffset = callOffset + 2 + UInt64(maskCode.count) - 2
  static let byteCount = callOffset + 2 + UInt64(maskCode.count + loadsByteCount) + 22

  /// Sixteen registers, ten bytes each.
  private static let loadsByteCount = 160

  /// Calls the function in r12, with the vector registers kept at rbx, and goes to the end.
  ///
  ///     pushfq; cld; mov $-1, %eax; mov $-1, %edx; xsave64 (%rbx); call *%r12
  ///     mov $-1, %eax; mov $-1, %edx; xrstor64 (%rbx); popfq; jmp .+4
  private static let functionCode: [UInt8] =
    [0x9C, 0xFC] + allComponents + [0x48, 0x0F, 0xAE, 0x23, 0x41, 0xFF, 0xD4] + allComponents
    + [0x48, 0x0F, 0xAE, 0x2B, 0x9D, 0xEB, 0x02]
  private static let allComponents: [UInt8] = [
    0xB8, 0xFF, 0xFF, 0xFF, 0xFF, 0xBA, 0xFF, 0xFF, 0xFF, 0xFF,
  ]

  private static let systemCallCode: [UInt8] = [0x0F, 0x05]

  /// rt_sigprocmask(SIG_SETMASK, the last 8 bytes, NULL, 8).
  ///
  ///     mov $14, %eax; mov $2, %edi; lea mask(%rip), %rsi; mov $0, %edx; mov $8, %r10d; syscall
  private static let maskCode: [UInt8] =
    [0xB8, 14, 0, 0, 0, 0xBF, 2, 0, 0, 0, 0x48, 0x8D, 0x35] + maskDistance
    + [0xBA, 0, 0, 0, 0, 0x41, 0xBA, 8, 0, 0, 0] + systemCallCode

  /// From behind `lea` to the mask: two moves, `syscall`, the loads, the jump, and its target.
  private static let maskDistance: [UInt8] = bytes(of: UInt32(13 + loadsByteCount + 14))

  var code: [UInt8] {
    var code = Self.functionCode + Self.systemCallCode + Self.maskCode + loads
    // jmp *0(%rip)
    code += [0xFF, 0x25, 0, 0, 0, 0]
    code += bytes(of: back.bits.rip)
    code += bytes(of: mask)
    return code
  }

  /// movabs $number, %register, for all sixteen.
  private var loads: [UInt8] {
    let low = [
      back.bits.rax, back.bits.rcx, back.bits.rdx, back.bits.rbx, back.bits.rsp, back.bits.rbp,
      back.bits.rsi, back.bits.rdi,
    ]
    let high = [
      back.bits.r8, back.bits.r9, back.bits.r10, back.bits.r11, back.bits.r12, back.bits.r13,
      back.bits.r14, back.bits.r15,
    ]
    return Self.loads(low, prefix: 0x48) + Self.loads(high, prefix: 0x49)
  }

  private static func loads(_ values: [UInt64], prefix: UInt8) -> [UInt8] {
    var code: [UInt8] = []
    for (index, value) in values.enumerated() {
      code += [prefix, 0xB8 + UInt8(index)]
      code += bytes(of: value)
    }
    return code
  }
}
