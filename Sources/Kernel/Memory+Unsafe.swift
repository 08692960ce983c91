public import KernelABI

/// The memory of this process, by address.
///
/// The agent and `restart` live among bytes that no Swift object owns. Everything they read or
/// write there goes through these functions; that the bytes are mapped, large enough and not
/// changed meanwhile is the caller's promise, which comes from the region list or from an `Arena`.
public enum Memory {
  @inline(__always)
  public static func load<T: BitwiseCopyable>(_ type: T.Type = T.self, at address: Address) -> T {
    unsafe pointer(address).loadUnaligned(as: T.self)
  }

  @inline(__always)
  public static func store<T: BitwiseCopyable>(_ value: T, at address: Address) {
    unsafe withUnsafePointer(to: value) {
      unsafe pointer(address).copyMemory(from: $0, byteCount: MemoryLayout<T>.size)
    }
  }

  @inline(__always)
  public static func copy(from source: Address, to destination: Address, byteCount: UInt64) {
    unsafe pointer(destination).copyMemory(from: pointer(source), byteCount: Int(byteCount))
  }

  public static func zero(_ range: AddressRange) {
    unsafe pointer(range.start).initializeMemory(
      as: UInt8.self, repeating: 0, count: Int(range.byteCount))
  }

  /// The bytes at `address`, for as long as they stay mapped.
  @inline(__always) @_lifetime(immortal)
  public static func bytes(at address: Address, count: Int) -> RawSpan {
    let buffer = unsafe UnsafeRawBufferPointer(start: pointer(address), count: count)
    return unsafe _overrideLifetime(RawSpan(_unsafeBytes: buffer), copying: ())
  }

  /// Also of address 0, where a program may have memory (wine, dosemu; mmap(2) of root).
  @inline(__always)
  private static func pointer(_ address: Address) -> UnsafeMutableRawPointer {
    let pointer = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address.rawValue))
    return unsafe unsafeBitCast(pointer, to: UnsafeMutableRawPointer.self)
  }
}

/// Runs `body` with the address of `value`, which the kernel may read or fill meanwhile.
@inline(__always) @discardableResult
public func withAddress<T: BitwiseCopyable, R: ~Copyable>(
  of value: inout T, _ body: (Address) throws(Errno) -> R
) throws(Errno) -> R {
  try unsafe withUnsafeMutablePointer(to: &value) { (pointer) throws(Errno) -> R in
    try body(unsafe Address(UnsafeRawPointer(pointer)))
  }
}

extension StaticString {
  /// Where the text, with its terminating NUL, lies for ever.
  @inline(__always) public var address: Address { unsafe Address(UnsafeRawPointer(utf8Start)) }
}
