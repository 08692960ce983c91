internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Lays the head of an image down in memory: ELF header, program headers, notes.
///
/// Runs twice over the same code: first to count bytes, then to store them, so that what is
/// counted and what is stored can't differ. Stopped-world safe.
struct HeadWriter {
  /// Where the head begins, or `Address.zero` while only counting.
  private let base: Address
  private(set) var offset: UInt64 = 0

  /// A writer that only counts.
  init() { base = .zero }

  init(at base: Address) { self.base = base }

  var isCounting: Bool { base == .zero }

  /// Where the next byte goes, for those who fill in bytes themselves; nonsense while counting.
  var next: Address { base + offset }

  mutating func put<T: BitwiseCopyable>(_ value: T) {
    if !isCounting { Memory.store(value, at: next) }
    offset += UInt64(MemoryLayout<T>.size)
  }

  mutating func put(from address: Address, byteCount: UInt64) {
    if !isCounting, byteCount > 0 { Memory.copy(from: address, to: next, byteCount: byteCount) }
    offset += byteCount
  }

  /// Puts zero bytes; the memory may have been used before.
  mutating func skip(_ byteCount: UInt64) {
    if !isCounting, let range = AddressRange(start: next, byteCount: byteCount) {
      Memory.zero(range)
    }
    offset += byteCount
  }

  /// Puts zero bytes up to a multiple of `alignment`.
  mutating func align(_ alignment: UInt64) {
    skip((alignment - offset % alignment) % alignment)
  }

  /// Begins a note; its descriptor of `byteCount` bytes comes next, then `align(4)`.
  ///
  /// - Parameter owner: at most 7 bytes.
  ///
  /// Source: elf(5), Notes (Nhdr).
  mutating func beginNote(_ owner: StaticString, type: UInt32, byteCount: UInt64) {
    put(UInt32(owner.utf8CodeUnitCount + 1))
    put(UInt32(truncatingIfNeeded: byteCount))
    put(type)
    put(from: owner.address, byteCount: UInt64(owner.utf8CodeUnitCount + 1))
    align(4)
  }

  /// A note of the project's: a table of records.
  mutating func putTable<T>(_ type: UInt32, _ records: Table<T>) {
    beginTable(type, entryBytes: UInt32(MemoryLayout<T>.stride), count: UInt64(records.count))
    put(from: records.base, byteCount: records.byteCount)
    align(4)
  }

  mutating func putTable<T: BitwiseCopyable>(_ type: UInt32, one record: T) {
    beginTable(type, entryBytes: UInt32(MemoryLayout<T>.size), count: 1)
    put(record)
    align(4)
  }

  mutating func putTable(_ type: UInt32, bytes: ByteTable) {
    beginTable(type, entryBytes: 1, count: bytes.count)
    put(from: bytes.base, byteCount: bytes.count)
    align(4)
  }

  private mutating func beginTable(_ type: UInt32, entryBytes: UInt32, count: UInt64) {
    beginNote("CKPT", type: type, byteCount: 16 + UInt64(entryBytes) * count)
    put(ckpt_table(version: 1, entry_bytes: entryBytes, count: count))
  }
}
