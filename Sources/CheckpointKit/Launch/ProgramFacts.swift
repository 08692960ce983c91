/// What kind of file a program is, as far as loading the agent into it goes.
public enum ProgramKind: Equatable, Sendable {
  /// An ELF file with an interpreter, which honours LD_PRELOAD.
  case dynamic

  /// An ELF file without one.
  case statically

  /// `#!`, with the interpreter it names.
  case script(interpreter: String)

  /// ELF of another class or processor.
  case foreign

  /// Neither; the kernel or a shell may know what to do with it.
  case unknown
}

/// Reads the kind from the first bytes of the file; 4096 are enough for what linkers make.
///
/// Source: elf(5); execve(2) for scripts.
public func programKind(of head: [UInt8]) -> ProgramKind {
  if head.starts(with: [0x23, 0x21]) {
    let line = head.dropFirst(2).prefix { $0 != 0x0A }
    let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" }
    return .script(interpreter: words.first.map(String.init) ?? "")
  }
  guard head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return .unknown }
  guard head.count >= 64, head[4] == 2, value(UInt16.self, in: head, at: 18) == 62 else {
    return .foreign
  }
  return hasInterpreter(head) ? .dynamic : .statically
}

/// Whether a 64-bit ELF file has a PT_INTERP (3) program header among those that `head` covers.
private func hasInterpreter(_ head: [UInt8]) -> Bool {
  let table = Int(truncatingIfNeeded: value(UInt64.self, in: head, at: 32) ?? 0)
  let entryByteCount = Int(value(UInt16.self, in: head, at: 54) ?? 0)
  let count = Int(value(UInt16.self, in: head, at: 56) ?? 0)
  guard table >= 64, table < head.count, entryByteCount >= 56 else { return false }
  return (0..<count).contains {
    value(UInt32.self, in: head, at: table + $0 * entryByteCount) == 3
  }
}

/// Whether Go made the program: its linker leaves a note of its own.
///
/// Source: elf(5), PT_NOTE; the Go linker's build ID.
func isGoProgram(_ head: [UInt8]) -> Bool {
  guard programKind(of: head) != .unknown, head.count >= 64,
    let table = value(UInt64.self, in: head, at: 32).map({ Int(truncatingIfNeeded: $0) }),
    table >= 64, table < head.count
  else { return false }
  let count = Int(value(UInt16.self, in: head, at: 56) ?? 0)
  return (0..<count).contains { index in
    let program = table + index * 56
    guard value(UInt32.self, in: head, at: program) == 4,
      let offset = value(UInt64.self, in: head, at: program + 8), offset < UInt64(head.count),
      // Length and text of the owner's name.
      value(UInt32.self, in: head, at: Int(offset)) == 4
    else { return false }
    return head[Int(offset)...].dropFirst(12).starts(with: [0x47, 0x6F, 0, 0])
  }
}
