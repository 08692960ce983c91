public import KernelABI

/// Memory handed out from front to back and given back as a whole.
///
/// The agent's only allocator: one anonymous mapping, of which only what is used costs memory.
/// When it is full, `reserve` throws `Errno.outOfMemory`.
public struct Arena: BitwiseCopyable {
  public let range: AddressRange
  public private(set) var used: UInt64

  /// Takes over a mapping of which the first `used` bytes are in use.
  public init(over range: AddressRange, used: UInt64 = 0) {
    self.range = range
    self.used = used
  }

  /// Maps a new one, of the largest of a few sizes up to `byteCount` that the limits allow.
  ///
  /// - Throws: `Errno.outOfMemory` when not even 1 MiB can be had.
  public init(mapping byteCount: UInt64) throws(Errno) {
    var size = roundedUpToPage(byteCount)
    while true {
      do throws(Errno) {
        let start = try Mapping.map(
          byteCount: size, .read | .write, .private | .anonymous | .noReserve)
        guard let range = AddressRange(start: start, byteCount: size) else {
          throw .outOfMemory
        }
        self.init(over: range)
        return
      } catch {
        guard size > 1 << 20 else { throw error }
        size = roundedUpToPage(size / 4)
      }
    }
  }

  public var isEmpty: Bool { range.isEmpty }
  public var next: Address { range.start + used }
  public var free: UInt64 { range.byteCount - used }

  /// The part in use, in whole pages.
  public var usedPages: AddressRange {
    AddressRange(start: range.start, byteCount: roundedUpToPage(used)) ?? range
  }

  /// Hands out `byteCount` bytes, zeroed when the arena is fresh, at a multiple of `alignment`.
  ///
  /// - Precondition: `alignment` is a power of two, at most a page.
  public mutating func reserve(_ byteCount: UInt64, alignment: UInt64 = 16) throws(Errno) -> Address
  {
    let start = (used &+ alignment &- 1) & ~(alignment &- 1)
    guard start <= range.byteCount, byteCount <= range.byteCount - start else {
      throw .outOfMemory
    }
    used = start + byteCount
    return range.start + start
  }

  /// Gives back everything from `address` on.
  public mutating func rewind(to address: Address) {
    used = address - range.start
  }
}

/// A growing array of fixed-size records at a fixed place, for those who may not allocate.
public struct Table<Record: BitwiseCopyable>: BitwiseCopyable {
  public let base: Address
  public let capacity: Int
  public private(set) var count: Int

  /// - Parameter capacity: records there is room for; `append` throws beyond it.
  public init(in arena: inout Arena, capacity: Int) throws(Errno) {
    base = try arena.reserve(UInt64(capacity * MemoryLayout<Record>.stride))
    self.capacity = capacity
    count = 0
  }

  /// - Parameter byteCount: room to take for records.
  public init(in arena: inout Arena, _ byteCount: UInt64) throws(Errno) {
    try self.init(in: &arena, capacity: Int(byteCount) / MemoryLayout<Record>.stride)
  }

  /// Records that someone else laid down.
  public init(at base: Address, count: Int) {
    self.base = base
    capacity = count
    self.count = count
  }

  public var byteCount: UInt64 { UInt64(count * MemoryLayout<Record>.stride) }

  @inline(__always)
  public func address(of index: Int) -> Address {
    base + UInt64(index * MemoryLayout<Record>.stride)
  }

  /// - Precondition: `index` lies in `0..<count`.
  @inline(__always)
  public subscript(index: Int) -> Record {
    get {
      precondition(index >= 0 && index < count)
      return Memory.load(at: address(of: index))
    }
    nonmutating set {
      precondition(index >= 0 && index < count)
      Memory.store(newValue, at: address(of: index))
    }
  }

  /// Changes one record in place.
  ///
  /// - Precondition: `index` lies in `0..<count`.
  @inline(__always)
  public func update(_ index: Int, _ body: (inout Record) -> Void) {
    var record = self[index]
    body(&record)
    self[index] = record
  }

  /// - Throws: `Errno.outOfMemory` when `capacity` records are there.
  /// - Returns: the new record's index.
  @discardableResult
  public mutating func append(_ record: Record) throws(Errno) -> Int {
    guard count < capacity else { throw .outOfMemory }
    Memory.store(record, at: address(of: count))
    count += 1
    return count - 1
  }

  public mutating func removeAll() { count = 0 }

  /// The same table with the first `count` records in it, laid down by others than `append`.
  ///
  /// - Precondition: `count` lies in `0...capacity`.
  public func covering(_ count: Int) -> Table {
    precondition(count >= 0 && count <= capacity)
    var table = self
    table.count = count
    return table
  }
}

/// Bytes appended one after another: strings and details of an image.
public struct ByteTable: BitwiseCopyable {
  public let base: Address
  public let capacity: UInt64
  public private(set) var count: UInt64

  public init(in arena: inout Arena, capacity: UInt64) throws(Errno) {
    base = try arena.reserve(capacity)
    self.capacity = capacity
    count = 0
  }

  /// Where the next byte goes.
  public var next: Address { base + count }
  public var free: UInt64 { capacity - count }

  /// Appends a copy of the bytes at `address`.
  ///
  /// - Returns: their offset from `base`.
  public mutating func append(from address: Address, byteCount: UInt64) throws(Errno) -> UInt64 {
    guard byteCount <= free else { throw .outOfMemory }
    if byteCount > 0 { Memory.copy(from: address, to: next, byteCount: byteCount) }
    return claim(byteCount)
  }

  /// Counts `byteCount` bytes that were already put at `next`.
  ///
  /// - Precondition: `byteCount <= free`.
  /// - Returns: their offset from `base`.
  public mutating func claim(_ byteCount: UInt64) -> UInt64 {
    precondition(byteCount <= free)
    let offset = count
    count += byteCount
    return offset
  }

  /// Moves on to the next multiple of 8.
  public mutating func align() {
    let padding = (8 - count % 8) % 8
    if padding <= free { count += padding }
  }
}
