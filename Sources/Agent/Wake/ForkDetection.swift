internal import CKernel
internal import Kernel
internal import KernelABI

/// Lets OpenSSL see that a restart is a fork in time: two restarts of one image must not have the same random bytes.
///
/// Its generators ask getpid(2) before every use and take fresh seed from the kernel when the answer is another than
/// before. A restarted process has the ID that it had, so libcrypto's own reference to getpid (one word of its linkage
/// table, no code) gets a function that gives another number after each restart. Nothing runs but the library itself,
/// with its own locks, when it is next asked; a program that is never restarted has nothing changed.
///
/// Source: `crypto/threads_pthread.c` (openssl_get_fork_id), `providers/implementations/rands/drbg.c` of OpenSSL 1.1.1
/// to 3; `elf.h`, `link.h`; System V ABI for x86-64, relocation types.
enum ForkDetection {
  /// Bounds, in case the list of libraries was being changed when the process was saved.
  private static let libraryLimit = 4096
  private static let function: StaticString = "getpid"
  private static let dynamicLimit = 256

  /// Runs in the main thread while all others wait.
  static func announce(_ process: ProcessState) {
    guard var library = firstLibrary(process) else { return }
    for _ in 0..<libraryLimit {
      guard let entry: LinkMap = load(library) else { return }
      if isLibcrypto(entry) { redirect(entry) }
      guard entry.next != 0 else { return }
      library = Address(entry.next)
    }
  }

  /// struct link_map, as far as debuggers may know it.
  private struct LinkMap: BitwiseCopyable {
    var base: UInt64 = 0
    var name: UInt64 = 0
    var dynamic: UInt64 = 0
    var next: UInt64 = 0
  }

  /// Reads what may not be there.
  private static func load<T: BitwiseCopyable>(_ address: Address) -> T? {
    guard Memory.canRead(address), Memory.canRead(address + UInt64(MemoryLayout<T>.size - 1)) else {
      return nil
    }
    let value: T = Memory.load(at: address)
    return value
  }

  // MARK: The list of libraries

  /// By the program's headers, its dynamic section and the loader's note for debuggers.
  private static func firstLibrary(_ process: ProcessState) -> Address? {
    // AT_PHDR, AT_PHNUM
    let headers = Address(process.auxiliaryValue(3))
    let count = min(process.auxiliaryValue(5), 64)
    var bias: UInt64?
    var dynamic: UInt64?
    for index in 0..<count {
      guard let header: ckernel_elf64_phdr = load(headers + index * 56) else { return nil }
      if header.type == 6 { bias = headers.rawValue &- header.vaddr }  // PT_PHDR
      if header.type == 2 { dynamic = header.vaddr }  // PT_DYNAMIC
    }
    guard let bias, let dynamic,
      let debug = entry(21, of: Address(bias &+ dynamic)),  // DT_DEBUG
      let map: UInt64 = load(Address(debug) + 8), map != 0
    else { return nil }
    return Address(map)
  }

  /// The value of an entry of a dynamic section.
  private static func entry(_ tag: Int64, of dynamic: Address) -> UInt64? {
    for index in 0..<dynamicLimit {
      guard let entry: ckernel_elf64_dyn = load(dynamic + UInt64(index * 16)), entry.tag != 0
      else { return nil }
      if entry.tag == tag { return entry.value }
    }
    return nil
  }

  private static func isLibcrypto(_ library: LinkMap) -> Bool {
    var name = Address(library.name)
    var position = name
    for _ in 0..<4096 {
      guard let byte: UInt8 = load(position), byte != 0 else { break }
      position = position + 1
      if byte == 0x2F { name = position }
    }
    return begins(name, with: "libcrypto")
  }

  private static func begins(_ text: Address, with prefix: StaticString) -> Bool {
    let count = UInt64(prefix.utf8CodeUnitCount)
    return Memory.canRead(text) && Memory.canRead(text + (count - 1))
      && isSame(text, prefix.address, count)
  }

  // MARK: The reference

  private static func redirect(_ library: LinkMap) {
    let dynamic = Address(library.dynamic)
    func table(_ tag: Int64) -> Address? {
      // Some loaders leave the distance from the library's start there.
      entry(tag, of: dynamic).map { Address($0 < library.base ? $0 &+ library.base : $0) }
    }
    // DT_SYMTAB, DT_STRTAB
    guard let symbols = table(6), let strings = table(5) else { return }
    // DT_JMPREL with DT_PLTRELSZ, DT_RELA with DT_RELASZ
    let groups: InlineArray<2, (start: Int64, size: Int64)> = [(23, 2), (7, 8)]
    for index in groups.indices {
      guard let start = table(groups[index].start),
        let size = entry(groups[index].size, of: dynamic),
        Memory.canRead(start)
      else { continue }
      redirect(start, size, symbols, strings, library.base)
    }
  }

  private static func redirect(
    _ start: Address, _ byteCount: UInt64, _ symbols: Address, _ strings: Address, _ base: UInt64
  ) {
    var offset: UInt64 = 0
    while offset + 24 <= byteCount {
      let place = Memory.load(UInt64.self, at: start + offset)
      let information = Memory.load(UInt64.self, at: start + offset + 8)
      offset += 24
      // R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT
      let type = information & 0xFFFF_FFFF
      guard type == 6 || type == 7 else { continue }
      let symbol = symbols + (information >> 32) * 24
      let name = strings + UInt64(Memory.load(UInt32.self, at: symbol))
      // With its NUL.
      if isSame(name, Self.function.address, 7) { store(Handler.forkIdentifier, at: base &+ place) }
    }
  }

  /// The word is read-only since the library was loaded: the kernel writes there for debuggers, and for us.
  private static func store(_ value: UInt64, at place: UInt64) {
    var value = value
    guard let memory = try? FileDescriptor("/proc/thread-self/mem", .readWrite) else { return }
    let number = memory.number
    _ = try? withAddress(of: &value) { (address) throws(Errno) in
      try Files.write(number, from: address, byteCount: 8, at: place)
    }
  }
}

/// In the place of getpid(2) for libraries that find out by it whether they were forked: it differs from process to
/// process as the ID does (of at most 2^22), and from restart to restart.
@c(agent_fork_identifier)
func agentForkIdentifier() -> Int32 {
  Int32(truncatingIfNeeded: (Int(Process.ownID) + Int(Agent.state.restarts) << 22) & 0x7FFF_FFFF)
}
