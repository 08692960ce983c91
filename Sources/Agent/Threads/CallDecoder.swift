internal import Kernel

/// Finds the number of a system call in the code that made it, when nobody looked in time.
///
/// For the thread that the trigger itself landed on. Three shapes are known:
///
/// - `mov $number, %eax` a few plain instructions before `syscall`: inlined calls and glibc's
///   wrappers up to 2.40. What lies between must not be a jump's target or change %eax; we accept
///   only the moves, `xor`s and `lea`s that compilers put there.
/// - The number came in a register: `mov %rdi, %rax` (syscall(3), musl's simple calls) or
///   `mov %rsi, %rax` (musl's `__syscall_cp_asm`): the callers up the stack are searched for the
///   `mov $number, %edi` before their `call`.
/// - The number came on the stack: glibc 2.41's `__syscall_cancel_arch` was handed it by a caller
///   that pushed it: a `push $number` before a `call`, with that number above the return address.
///
/// Where none is recognised, the call's EINTR stays. Go's own calls are of that kind.
enum CallDecoder {
  /// Bytes before the `syscall` instruction that are looked at.
  static let reach = 112

  /// Bytes before a caller's `call`, and before a call that may loop.
  static let nearReach = 48

  /// Words of stack that are searched for return addresses.
  static let stackWords = 40

  /// What the code before a `syscall` instruction tells.
  enum Origin: Equatable {
    case number(Int64)

    /// The caller put it into %edi.
    case callersRegister

    /// A caller further up did: musl's cancellation points.
    case outerCallersRegister

    /// A caller pushed it: glibc's cancellation points.
    case callersStack
    case unknown
  }

  /// - Parameter code: what lies directly before the `syscall` instruction.
  static func origin(_ code: RawSpan) -> Origin {
    let end = code.byteCount
    var start = end - 2
    while start >= max(0, end - reach) {
      if let origin = loading(code, start) { return origin }
      start -= 1
    }
    return .unknown
  }

  /// The meaning of an instruction at `start` that loads %rax, if there is one and only harmless
  /// ones follow up to the end.
  private static func loading(_ code: RawSpan, _ start: Int) -> Origin? {
    let end = code.byteCount
    let first = code.byte(at: start)
    if first == 0xB8, start + 5 <= end, isHarmless(code, from: start + 5) {
      // REX.B would make it %r8d.
      guard start == 0 || code.byte(at: start - 1) != 0x41 else { return nil }
      return .number(Int64(immediate(code, start + 1)))
    }
    if first == 0x31, code.byte(at: start + 1) == 0xC0, isHarmless(code, from: start + 2) {
      guard start == 0 || !(0x40...0x4F).contains(code.byte(at: start - 1)) else { return nil }
      return .number(0)
    }
    guard first == 0x48, start + 3 <= end else { return nil }
    let operation = code.byte(at: start + 1)
    let operands = code.byte(at: start + 2)
    if operation == 0x89, operands == 0xF8, isHarmless(code, from: start + 3) {
      return .callersRegister
    }
    if operation == 0x89, operands == 0xF0, isHarmless(code, from: start + 3) {
      return savesFlagAddress(code) ? .outerCallersRegister : .callersStack
    }
    return nil
  }

  /// `mov %r11, 8(%rsp)` directly before the call, which only musl does.
  private static func savesFlagAddress(_ code: RawSpan) -> Bool {
    let bytes: InlineArray<5, UInt8> = [0x4C, 0x89, 0x5C, 0x24, 0x08]
    let start = code.byteCount - 5
    guard start >= 0 else { return false }
    for index in 0..<5 where code.byte(at: start + index) != bytes[index] { return false }
    return true
  }

  private static func immediate(_ code: RawSpan, _ start: Int) -> Int32 {
    var value: UInt32 = 0
    for index in 0..<4 { value |= UInt32(code.byte(at: start + index)) << UInt32(index * 8) }
    return Int32(bitPattern: value)
  }

  /// Whether from `start` to the end there are only instructions that load other registers.
  private static func isHarmless(_ code: RawSpan, from start: Int) -> Bool {
    var offset = start
    while offset < code.byteCount {
      guard let length = harmlessLength(code, offset) else { return false }
      offset += length
    }
    return offset == code.byteCount
  }

  /// The length of a register load that leaves %rax alone: `mov`, `movslq`, `lea`, `xor` with
  /// itself, `mov $immediate`.
  private static func harmlessLength(_ code: RawSpan, _ start: Int) -> Int? {
    var offset = start
    let end = code.byteCount
    var prefix: UInt8 = 0
    if code.byte(at: offset) == 0x64, offset + 1 < end { offset += 1 }  // in thread-local storage
    if (0x40...0x4F).contains(code.byte(at: offset)) {
      prefix = code.byte(at: offset)
      offset += 1
    }
    guard offset < end else { return nil }
    let operation = code.byte(at: offset)
    if (0xB8...0xBF).contains(operation) {
      guard operation != 0xB8 || prefix & 1 == 1, prefix & 8 == 0 else { return nil }
      return offset + 5 - start
    }
    guard offset + 1 < end else { return nil }
    let operands = code.byte(at: offset + 1)
    let isRegister = operands >= 0xC0
    switch operation {
    case 0x8B, 0x8D, 0x63:  // to the register in the middle field
      guard prefix & 4 != 0 || operands >> 3 & 7 != 0 else { return nil }
    case 0xC7:  // an immediate, to memory
      guard !isRegister, operands >> 3 & 7 == 0 else { return nil }
      return offset + 6 + operandBytes(code, offset + 1) - start
    case 0x89, 0x31:  // to the operand: a register other than %rax, or memory
      guard !isRegister || prefix & 1 != 0 || operands & 7 != 0 else { return nil }
    default: return nil
    }
    return offset + 2 + operandBytes(code, offset + 1) - start
  }

  /// Bytes of scale and displacement behind a ModR/M byte.
  private static func operandBytes(_ code: RawSpan, _ position: Int) -> Int {
    let operands = code.byte(at: position)
    let mode = operands >> 6
    guard mode != 3 else { return 0 }
    let hasScale = operands & 7 == 4
    var count = hasScale ? 1 : 0
    if mode == 1 { count += 1 }
    if mode == 2 || (mode == 0 && operands & 7 == 5) { count += 4 }
    if mode == 0, hasScale, position + 1 < code.byteCount, code.byte(at: position + 1) & 7 == 5 {
      count += 4
    }
    return count
  }

  /// The number that a call site handed on.
  ///
  /// - Parameters:
  ///   - code: what lies directly before a return address.
  ///   - above: the word above the return address.
  /// - Returns: `nil` when that is no call, or no number goes with it.
  static func handedOn(_ code: RawSpan, above: UInt64, _ origin: Origin) -> Int64? {
    guard let call = callSite(code) else { return nil }
    var start = call - 2
    while start >= max(0, call - nearReach) {
      let first = code.byte(at: start)
      if origin != .callersStack, first == 0xBF, start + 5 <= call,
        start == 0 || !(0x40...0x4F).contains(code.byte(at: start - 1))
      {
        return Int64(immediate(code, start + 1))
      }
      if origin == .callersStack {
        if first == 0x6A, UInt64(code.byte(at: start + 1)) == above, above != 0 {
          return Int64(above)
        }
        if first == 0x68, start + 5 <= call, Int64(immediate(code, start + 1)) == above {
          return Int64(immediate(code, start + 1))
        }
      }
      start -= 1
    }
    return nil
  }

  /// Where the `call` is that the code ends with: direct, or through a table.
  private static func callSite(_ code: RawSpan) -> Int? {
    let end = code.byteCount
    guard end >= 12 else { return nil }
    if code.byte(at: end - 5) == 0xE8 { return end - 5 }
    let isIndirect = code.byte(at: end - 6) == 0xFF && code.byte(at: end - 5) == 0x15
    return isIndirect ? end - 6 : nil
  }

  /// Whether the code that follows the `syscall` goes back to make the call again.
  ///
  /// The kernel leaves the argument registers as they are, so an inlined loop may rely on them;
  /// then they must not be changed. Found by looking for a jump back to shortly before, with no
  /// return in between. Odd bytes may look like one: then a time-out starts over, no more.
  ///
  /// - Parameters:
  ///   - code: bytes around the call.
  ///   - call: where in `code` the `syscall` instruction is.
  static func loops(_ code: RawSpan, call: Int) -> Bool {
    for offset in (call + 2)..<max(call + 2, code.byteCount - 5) {
      guard let target = jumpTarget(code, offset), target <= call,
        target >= max(0, call - nearReach)
      else { continue }
      var returns = false
      for position in target..<call where code.byte(at: position) == 0xC3 { returns = true }
      if !returns { return true }
    }
    return false
  }

  private static func jumpTarget(_ code: RawSpan, _ offset: Int) -> Int? {
    let first = code.byte(at: offset)
    if (0x70...0x7F).contains(first) || first == 0xEB {
      return offset + 2 + Int(Int8(bitPattern: code.byte(at: offset + 1)))
    }
    if first == 0xE9 { return offset + 5 + Int(immediate(code, offset + 1)) }
    if first == 0x0F, offset + 6 <= code.byteCount,
      (0x80...0x8F).contains(code.byte(at: offset + 1))
    {
      return offset + 6 + Int(immediate(code, offset + 2))
    }
    return nil
  }
}
