internal import Kernel
internal import KernelABI

/// The memory of one process that is not all there: the program's own, or that of a child which it
/// forked meanwhile.
struct LazySpace: BitwiseCopyable {
  /// -1: there is none any more.
  var descriptor: Int32
  var spans: LazySpans

  /// What is registered, and perhaps more.
  var ranges: Table<AddressRange>

  /// Where the tables of a child lie; empty: in the restore arena.
  var memory = AddressRange.empty

  /// At once, those that have ended not counted.
  static let limit = 1024

  var isOpen: Bool { descriptor >= 0 }
  var fault: Userfault { Userfault(adopting: descriptor) }

  init(descriptor: Int32, spans: LazySpans, ranges: Table<AddressRange>) {
    self.descriptor = descriptor
    self.spans = spans
    self.ranges = ranges
  }

  /// The memory of a child that `parent` has forked: all that it lacks, the child lacks too.
  ///
  /// - Parameter hint: its tables had better lie there, where no program looks.
  init(childOf parent: LazySpace, descriptor: Int32, near hint: Address) throws(Errno) {
    let room =
      UInt64(parent.spans.table.capacity * MemoryLayout<Span>.stride)
      + UInt64(parent.ranges.capacity * MemoryLayout<AddressRange>.stride) + 64
    let start = try Mapping.map(
      at: hint, byteCount: roundedUpToPage(room), .read | .write,
      .private | .anonymous | .noReserve)
    guard let memory = AddressRange(start: start, byteCount: roundedUpToPage(room)) else {
      throw .outOfMemory
    }
    try? Mapping.advise(memory, Advice.dontFork)
    var arena = Arena(over: memory)
    self.descriptor = descriptor
    spans = try LazySpans(
      copying: parent.spans, to: Table(in: &arena, capacity: parent.spans.table.capacity))
    var ranges = try Table<AddressRange>(in: &arena, capacity: parent.ranges.capacity)
    for index in 0..<parent.ranges.count { try ranges.append(parent.ranges[index]) }
    self.ranges = ranges
    self.memory = memory
  }

  /// Lets it go: who waits looks again, and nothing comes from here any more.
  mutating func close() {
    guard isOpen else { return }
    for index in 0..<ranges.count { try? fault.unregister(ranges[index]) }
    closeDescriptor(descriptor)
    descriptor = -1
    if !memory.isEmpty { try? Mapping.unmap(memory) }
  }
}
