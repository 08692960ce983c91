public import KernelABI

/// An array of records in memory that someone else wrote, perhaps with longer entries than ours.
public struct Records<Record: BitwiseCopyable>: BitwiseCopyable {
  public let base: Address
  public let count: Int

  /// Bytes from one record to the next, at least the size of `Record`.
  public let stride: Int

  public init(at base: Address, count: Int, stride: Int = MemoryLayout<Record>.stride) {
    self.base = base
    self.count = count
    self.stride = stride
  }

  /// - Precondition: `index` lies in `0..<count`.
  @inline(__always)
  public subscript(index: Int) -> Record {
    precondition(index >= 0 && index < count)
    return Memory.load(at: base + UInt64(index * stride))
  }
}
