internal import KernelABI

/// A filter of seccomp(2): what it does about a system call.
///
/// Source: seccomp(2); `include/uapi/linux/filter.h`; `kernel/seccomp.c`, seccomp_check_filter.
public struct FilterProgram: Equatable, Sendable {
  /// What becomes of a call.
  ///
  /// The kernel's precedence: of several filters' answers the lowest counts.
  public enum Verdict: Int, Sendable, Comparable {
    case kill = 0
    case trap
    case error
    case notify
    case trace
    case allow

    public static func < (left: Verdict, right: Verdict) -> Bool { left.rawValue < right.rawValue }
  }

  /// A system call as a filter sees it.
  public struct Call: Equatable, Sendable {
    public var number: Int
    public var arguments: [UInt64]

    public init(_ number: Int, _ arguments: [UInt64] = []) {
      self.number = number
      self.arguments = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
    }
  }

  private struct Instruction: Equatable {
    var code: UInt16
    var ifTrue: UInt8
    var ifFalse: UInt8
    var constant: UInt32
  }

  private let instructions: [Instruction]

  /// - Parameter code: eight bytes for each instruction, in the kernel's layout.
  public init(_ code: [UInt8]) {
    instructions = stride(from: 0, to: code.count - code.count % 8, by: 8).map { start in
      Instruction(
        code: value(UInt16.self, in: code, at: start) ?? 0, ifTrue: code[start + 2],
        ifFalse: code[start + 3], constant: value(UInt32.self, in: code, at: start + 4) ?? 0)
    }
  }

  /// What it says of a call from 64-bit code; what can't be understood is no.
  public func verdict(on call: Call) -> Verdict {
    var machine = Machine(data: call.data)
    var place = 0
    // Jumps lead forward only.
    while place < instructions.count {
      let instruction = instructions[place]
      place += 1
      switch instruction.code & 7 {
      case 5 where instruction.code & 0xF0 == 0: place += Int(instruction.constant)
      case 5:
        let holds = machine.jump(instruction.code, instruction.constant)
        place += Int(holds ? instruction.ifTrue : instruction.ifFalse)
      case 6:
        return Verdict(action: instruction.code & 0x18 == 0x10 ? machine.a : instruction.constant)
      default:
        guard machine.step(instruction.code, instruction.constant) else { return .kill }
      }
    }
    return .kill
  }

  /// The registers of classic BPF.
  private struct Machine {
    let data: [UInt8]
    var a: UInt32 = 0
    var x: UInt32 = 0
    var store = [UInt32](repeating: 0, count: 16)

    init(data: [UInt8]) { self.data = data }

    /// - Returns: false for an instruction that no filter may have.
    mutating func step(_ code: UInt16, _ constant: UInt32) -> Bool {
      let cell = Int(constant & 15)
      switch code {
      case 0x20:
        guard constant % 4 == 0, Int(constant) + 4 <= data.count else { return false }
        a = value(UInt32.self, in: data, at: Int(constant)) ?? 0
      case 0x80: a = UInt32(data.count)
      case 0x81: x = UInt32(data.count)
      case 0x00: a = constant
      case 0x01: x = constant
      case 0x60: a = store[cell]
      case 0x61: x = store[cell]
      case 0x02: store[cell] = a
      case 0x03: store[cell] = x
      case 0x07: x = a
      case 0x87: a = x
      case _ where code & 7 == 4: return calculate(code & 0xF0, code & 8 == 0 ? constant : x)
      default: return false
      }
      return true
    }

    private mutating func calculate(_ operation: UInt16, _ operand: UInt32) -> Bool {
      switch operation {
      case 0x00: a &+= operand
      case 0x10: a &-= operand
      case 0x20: a &*= operand
      case 0x30:
        guard operand != 0 else { return false }
        a /= operand
      case 0x40: a |= operand
      case 0x50: a &= operand
      case 0x60: a = operand < 32 ? a << operand : 0
      case 0x70: a = operand < 32 ? a >> operand : 0
      case 0x80: a = 0 &- a
      case 0xA0: a ^= operand
      default: return false
      }
      return true
    }

    func jump(_ code: UInt16, _ constant: UInt32) -> Bool {
      let operand = code & 8 == 0 ? constant : x
      switch code & 0xF0 {
      case 0x10: return a == operand
      case 0x20: return a > operand
      case 0x30: return a >= operand
      case 0x40: return a & operand != 0
      default: return true
      }
    }
  }
}

extension FilterProgram.Verdict {
  /// What a filter answered.
  ///
  /// Source: seccomp(2), SECCOMP_RET_KILL_THREAD and the others.
  fileprivate init(action: UInt32) {
    switch action & 0xFFFF_0000 {
    case 0x7FFF_0000, 0x7FFC_0000: self = .allow
    case 0x7FF0_0000: self = .trace
    case 0x7FC0_0000: self = .notify
    case 0x0005_0000: self = .error
    case 0x0003_0000: self = .trap
    default: self = .kill
    }
  }
}

extension FilterProgram.Call {
  /// `struct seccomp_data`: number, AUDIT_ARCH_X86_64, an instruction pointer, six arguments.
  fileprivate var data: [UInt8] {
    var data = bytes(of: UInt32(truncatingIfNeeded: number))
    data += bytes(of: UInt32(0xC000_003E))
    data += bytes(of: UInt64(0x7000_0000_0000))
    for argument in arguments { data += bytes(of: argument) }
    return data
  }
}
