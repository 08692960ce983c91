internal import Kernel
public import KernelABI

/// Text in memory, followed by a NUL that is not counted.
public struct ByteString: BitwiseCopyable, Sendable {
  public let address: Address
  public let byteCount: Int

  init(address: Address, byteCount: Int) {
    self.address = address
    self.byteCount = byteCount
  }

  /// Measures the NUL-terminated bytes at `address`.
  init(terminatedAt address: Address) {
    var count = 0
    while Memory.load(UInt8.self, at: address + UInt64(count)) != 0 { count += 1 }
    self.init(address: address, byteCount: count)
  }

  init(_ text: StaticString) {
    self.init(address: text.address, byteCount: text.utf8CodeUnitCount)
  }

  var isEmpty: Bool { byteCount == 0 }

  func byte(at index: Int) -> UInt8 {
    precondition(index >= 0 && index < byteCount)
    return Memory.load(at: address + UInt64(index))
  }

  func starts(with prefix: StaticString) -> Bool {
    let count = prefix.utf8CodeUnitCount
    guard byteCount >= count else { return false }
    let other = ByteString(prefix)
    for index in 0..<count where byte(at: index) != other.byte(at: index) { return false }
    return true
  }

  func dropping(_ count: Int) -> ByteString {
    ByteString(address: address + UInt64(count), byteCount: byteCount - count)
  }

  static func == (text: ByteString, other: StaticString) -> Bool {
    text.byteCount == other.utf8CodeUnitCount && text.starts(with: other)
  }
}

/// The words of the command line, without the program's name.
struct Arguments: BitwiseCopyable {
  /// Where the pointer to the first word lies.
  private let base: Address
  let count: Int

  /// Where the pointer to the program's name lies; that is 0 when there is none.
  private let start: Address

  /// Where the pointers to the environment lie.
  let environment: Address

  /// - Parameter stack: what the kernel left there: argc, then the pointers of argv.
  ///
  /// Source: `fs/binfmt_elf.c`, `create_elf_tables`.
  init(stack: Address) {
    let all = Int(truncatingIfNeeded: Memory.load(UInt64.self, at: stack))
    start = stack + 8
    base = stack + 16
    count = max(0, all - 1)
    environment = start + UInt64(all + 1) * 8
  }

  /// What the program was called as; `nil`: nothing was said.
  var name: ByteString? {
    let address = Address(Memory.load(UInt64.self, at: start))
    return address == .zero ? nil : ByteString(terminatedAt: address)
  }

  /// All of it, the name too, as a program is given it.
  var all: ProgramArguments {
    ProgramArguments(
      name: Address(Memory.load(UInt64.self, at: start)), words: base, count: count,
      environment: environment)
  }

  /// What is behind `index`, under a name.
  func rest(from index: Int, name: ByteString) -> ProgramArguments {
    ProgramArguments(
      name: name.address, words: base + UInt64(index) * 8, count: count - index,
      environment: environment)
  }

  subscript(index: Int) -> ByteString {
    precondition(index >= 0 && index < count)
    let address = Memory.load(UInt64.self, at: base + UInt64(index) * 8)
    return ByteString(terminatedAt: Address(address))
  }
}
