public import KernelABI

/// One line of text built without allocating.
///
/// Text past `capacity` is dropped, not wrapped.
public struct Line {
  public static let capacity = 512

  private var storage = InlineArray<512, UInt8>(repeating: 0)
  public private(set) var count = 0

  public init() {}

  public init(_ text: StaticString) { append(text) }

  public mutating func append(_ byte: UInt8) {
    guard count < Self.capacity else { return }
    storage[count] = byte
    count += 1
  }

  /// - Precondition: `index` lies in `0..<count`.
  public func byte(at index: Int) -> UInt8 {
    precondition(index < count)
    return storage[index]
  }

  /// Cuts off all but the first bytes.
  public mutating func truncate(to count: Int) { self.count = min(self.count, count) }

  public mutating func append(_ text: StaticString) {
    append(at: text.address, count: text.utf8CodeUnitCount)
  }

  /// Appends bytes from memory; those that would upset a terminal become `?`.
  public mutating func append(at address: Address, count: Int) {
    let bytes = Memory.bytes(at: address, count: count)
    for index in 0..<count {
      let byte = bytes.byte(at: index)
      append(byte < 0x20 && byte != 0x0A || byte == 0x7F ? 0x3F : byte)
    }
  }

  public mutating func append(decimal value: UInt64) {
    if value >= 10 { append(decimal: value / 10) }
    append(0x30 + UInt8(truncatingIfNeeded: value % 10))
  }

  public mutating func append(decimal value: Int64) {
    if value < 0 { append(0x2D) }
    append(decimal: value.magnitude)
  }

  public mutating func append(hex value: UInt64) {
    var shift = 60
    while shift > 0, value >> UInt64(shift) == 0 { shift -= 4 }
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
      append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      shift -= 4
    }
  }

  /// Appends the kernel's symbol of an error, `ENOENT`, or its number.
  public mutating func append(_ errno: Errno) {
    if let symbol = errno.symbol {
      append(symbol)
    } else {
      append("errno ")
      append(decimal: Int64(errno.rawValue))
    }
  }

  /// Writes the line to `descriptor` in one call; what the descriptor does not take is lost.
  public mutating func write(to descriptor: Int32) {
    let count = count
    _ = try? withAddress(of: &storage) { (address) throws(Errno) in
      try systemCall(SyscallNumber.write, Int(descriptor), address.argument, count)
    }
  }

  /// Where the text lies during `body`, and how long it is.
  public mutating func withText(_ body: (Address, Int) -> Void) {
    let count = count
    _ = try? withAddress(of: &storage) { (address) throws(Errno) in body(address, count) }
  }

  /// The text, NUL-terminated, at an address that is good during `body`: a path for open(2).
  @discardableResult
  public mutating func withPath<R: ~Copyable>(
    _ body: (Address) throws(Errno) -> R
  ) throws(Errno) -> R {
    guard count < Self.capacity else { throw .nameTooLong }
    storage[count] = 0
    return try withAddress(of: &storage, body)
  }
}
