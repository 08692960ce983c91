internal import Kernel
internal import KernelABI

/// A place for one value that another thread or process takes up.
///
/// It is as large as the value, whatever the value's fields come to be.
struct Slot<Value: BitwiseCopyable>: BitwiseCopyable {
  let address: Address

  /// Bytes that it takes: a multiple of a cache line, so that what lies behind is as well aligned.
  static var byteCount: UInt64 {
    (UInt64(MemoryLayout<Value>.size) + alignment - 1) & ~(alignment - 1)
  }
  static var alignment: UInt64 { 64 }

  /// - Precondition: `byteCount` bytes from `address` on are nobody else's.
  init(at address: Address) { self.address = address }

  init(in arena: inout Arena) throws(Errno) {
    address = try arena.reserve(Self.byteCount, alignment: Self.alignment)
  }

  /// Where the next thing may lie.
  var end: Address { address + Self.byteCount }

  func store(_ value: Value) { Memory.store(value, at: address) }
  func load() -> Value { Memory.load(Value.self, at: address) }
}
