internal import CImage
internal import Kernel
internal import KernelABI

/// Arguments and environment for the program that is brought back.
///
/// They can't take the place of those that it was started with; it is told where they lie.
struct ProgramArguments: BitwiseCopyable {
  /// The first argument, NUL-terminated; zero: there is none.
  var name = Address.zero

  /// Where pointers to the others lie.
  var words = Address.zero
  var count = 0

  /// Where pointers to the environment's strings lie, the last one 0; zero: there are none.
  var environment = Address.zero

  private var argumentCount: Int { name == .zero ? 0 : count + 1 }

  private var environmentCount: Int {
    guard environment != .zero else { return 0 }
    var count = 0
    while Memory.load(UInt64.self, at: environment + UInt64(count) * 8) != 0 { count += 1 }
    return count
  }

  private func string(_ index: Int) -> ByteString {
    if index == 0, name != .zero { return ByteString(terminatedAt: name) }
    if index < argumentCount {
      return ByteString(
        terminatedAt: Address(Memory.load(UInt64.self, at: words + UInt64(index - 1) * 8)))
    }
    let place = environment + UInt64(index - argumentCount) * 8
    return ByteString(terminatedAt: Address(Memory.load(UInt64.self, at: place)))
  }

  // MARK: A block of them

  private static let headerByteCount = UInt64(MemoryLayout<ckpt_restart_arguments>.size)

  /// What a block of all of them takes, in bytes.
  var byteCount: UInt64 {
    let all = argumentCount + environmentCount
    var count = Self.headerByteCount + UInt64(all + 2) * 8
    for index in 0..<all { count += UInt64(string(index).byteCount) + 1 }
    return count
  }

  /// Lays down a `ckpt_restart_arguments` with all that belongs to it.
  ///
  /// - Precondition: the range is mapped, and has `byteCount` bytes.
  func put(in range: AddressRange) {
    let (first, second) = (argumentCount, environmentCount)
    let argv = range.start + Self.headerByteCount
    let envp = argv + UInt64(first + 1) * 8
    var next = envp + UInt64(second + 1) * 8
    for index in 0..<(first + second) {
      let text = string(index)
      Memory.copy(from: text.address, to: next, byteCount: UInt64(text.byteCount) + 1)
      // One more where the first array has its end.
      let slot = index < first ? index : index + 1
      Memory.store(next.rawValue, at: argv + UInt64(slot) * 8)
      next = next + (UInt64(text.byteCount) + 1)
    }
    Memory.store(UInt64(0), at: argv + UInt64(first) * 8)
    Memory.store(UInt64(0), at: envp + UInt64(second) * 8)
    Memory.store(
      ckpt_restart_arguments(
        argc: UInt64(first), argv: argv.rawValue, envp: envp.rawValue, byte_count: range.byteCount),
      at: range.start)
  }
}
