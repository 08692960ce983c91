/// The general registers of a thread, as every tool finds them in a core file.
public struct ThreadRegisters: Codable, Equatable, Sendable {
  public var tid: Int32

  /// Names and values, in the kernel's order.
  public var values: [String: UInt64]

  /// Of `struct user_regs_struct`.
  public static let names = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
    "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs",
    "gs",
  ]

  /// Where the TID and the registers are in an NT_PRSTATUS note of x86-64.
  ///
  /// Source: `include/linux/elfcore.h`, struct elf_prstatus.
  fileprivate static let tidOffset = 32
  fileprivate static let registersOffset = 112
}

extension ImageHead {
  /// By thread, in the order of the notes.
  ///
  /// The head was checked, so the notes lie in it.
  public var registers: [ThreadRegisters] {
    let start = Int(word(64 + 8))
    let end = start + Int(word(64 + 32))
    var result: [ThreadRegisters] = []
    var offset = start
    while offset + 12 <= end {
      let owner = Int(half(offset))
      let count = Int(half(offset + 4))
      let descriptor = offset + 12 + (owner + 3) & ~3
      if half(offset + 8) == 1, count == 336, bytes[offset + 12] == UInt8(ascii: "C"), owner == 5,
        bytes[offset + 13] == UInt8(ascii: "O")
      {
        result.append(registers(at: descriptor))
      }
      offset = descriptor + (count + 3) & ~3
    }
    return result
  }

  private func registers(at offset: Int) -> ThreadRegisters {
    var values: [String: UInt64] = [:]
    for (index, name) in ThreadRegisters.names.enumerated() {
      values[name] = word(offset + ThreadRegisters.registersOffset + 8 * index)
    }
    return ThreadRegisters(
      tid: Int32(bitPattern: half(offset + ThreadRegisters.tidOffset)), values: values)
  }

  private func half(_ offset: Int) -> UInt32 {
    bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  private func word(_ offset: Int) -> UInt64 {
    UInt64(half(offset)) | UInt64(half(offset + 4)) << 32
  }
}
