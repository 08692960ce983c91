internal import CKernel
public import KernelABI

/// The last lines of a trace: fixed records in 16 KiB of memory, written without lock or allocation.
///
/// Any thread may add one at any time, also one of another process that shares the memory: each
/// takes the next record by an atomic count. A record is checked as it is read, so one that is just being
/// written, or was by two at once, is not shown. Stopped-world safe.
public struct TraceRing: BitwiseCopyable {
  /// One line, as it lies in the ring; the text is a constant of the program that reads it too.
  struct Record: BitwiseCopyable {
    var check: UInt64 = 0
    var number: UInt64 = 0

    /// Nanoseconds since 1970: time namespaces don't change that clock.
    var time: UInt64 = 0
    var text: UInt64 = 0
    var values = InlineArray<4, UInt64>(repeating: 0)

    /// What `check` has to be.
    var sum: UInt64 {
      var sum = number &* 0x9E37_79B9_7F4A_7C15
      sum = mix(sum, time)
      sum = mix(sum, text)
      for index in 0..<4 { sum = mix(sum, values[index]) }
      return sum
    }

    private func mix(_ sum: UInt64, _ value: UInt64) -> UInt64 {
      ((sum ^ value) &* 0xFF51_AFD7_ED55_8CCD) ^ (sum >> 29)
    }
  }

  public static let byteCount: UInt64 = 16 << 10

  /// Lines that the ring holds.
  public static let capacity: UInt64 = byteCount / 64 - 1

  let base: Address

  /// - Parameter base: `byteCount` bytes, zero at first, that stay mapped.
  public init(at base: Address) { self.base = base }

  /// Lines that were ever added.
  public var count: UInt64 { ckernel_atomic_add64(base.rawValue, 0) }

  private func place(of number: UInt64) -> Address { base + 64 + (number % Self.capacity) * 64 }

  /// Adds a line; see `TraceLine` for what its text may hold.
  public func add(
    _ text: StaticString, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0
  ) {
    var record = Record()
    record.number = ckernel_atomic_add64(base.rawValue, 1)
    record.time = Clock.realtime
    record.text = text.traceBits
    record.values = [a, b, c, d]
    record.check = record.sum
    Memory.store(record, at: place(of: record.number - 1))
  }

  /// The line with this number, from 0; `nil`: another has its place, or it is not whole.
  func record(_ number: UInt64) -> Record? {
    let record = Memory.load(Record.self, at: place(of: number))
    guard record.number == number + 1, record.check == record.sum else { return nil }
    return record
  }
}

/// What a line of a trace can be about.
public protocol TraceValue {
  var traceBits: UInt64 { get }
}
extension UInt64: TraceValue { public var traceBits: UInt64 { self } }
extension UInt32: TraceValue { public var traceBits: UInt64 { UInt64(self) } }
extension Int: TraceValue { public var traceBits: UInt64 { UInt64(bitPattern: Int64(self)) } }
extension Int32: TraceValue { public var traceBits: UInt64 { UInt64(bitPattern: Int64(self)) } }
extension Address: TraceValue { public var traceBits: UInt64 { rawValue } }
extension Errno: TraceValue {
  public var traceBits: UInt64 { UInt64(UInt32(bitPattern: rawValue)) }
}
extension StaticString: TraceValue {
  /// Where it lies (47 bits) and its length.
  public var traceBits: UInt64 { address.rawValue << 16 | UInt64(utf8CodeUnitCount & 0xFFFF) }
}
