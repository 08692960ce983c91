internal import Kernel
internal import KernelABI

/// Writes large parts past the page cache, some at a time, while the next is copied and digested.
///
/// The page cache of an image is as large as the program, and new memory is dear: 1 GiB took 0.4 to
/// 2 s of a processor that way, 0.2 s this way. What is written is a copy, not the memory itself:
/// the kernel gives a clone a page of its own of everything that it is to write from in place
/// (`gup_must_unshare`, Linux 6.0). Where the file system or the kernel can't, `isOn` is false.
/// Stopped-world safe.
struct DirectWrites: ~Copyable {
  private(set) var isOn = false
  private let descriptor: Int32
  private var queue: WriteQueue?

  /// Stages one after the other, at a multiple of their length.
  private var memory = AddressRange.empty
  private var stages: Address = .zero

  private var pending = InlineArray<4, Pending>(repeating: Pending())

  private struct Pending: BitwiseCopyable {
    /// 0: the stage is free.
    var byteCount: UInt64 = 0
    var offset: UInt64 = 0
  }

  /// Bytes of a stage: a huge page, of which a small file is not worth four new ones.
  let stageByteCount: UInt64
  private static let huge: UInt64 = 2 << 20
  private static let small: UInt64 = 512 << 10
  private static let smallFile: UInt64 = 128 << 20
  private static let stageCount = 4

  private let endsWithProcess: Bool

  /// Below this many bytes it is not worth while: setting it up takes a moment, and io_destroy(2)
  /// waits for other processors, 40 ms here.
  private static let least: UInt64 = 8 << 20
  private static let leastWithEnd: UInt64 = 512 << 20

  /// - Parameters:
  ///   - byteCount: of the whole file.
  ///   - endsWithProcess: whether the process ends soon, and what the kernel keeps for this with it.
  init(_ descriptor: Int32, byteCount: UInt64, endsWithProcess: Bool) {
    self.descriptor = descriptor
    self.endsWithProcess = endsWithProcess
    stageByteCount = byteCount < Self.smallFile ? Self.small : Self.huge
    let least = endsWithProcess ? Self.least : Self.leastWithEnd
    guard byteCount >= least, WriteAhead.allocatesCheaply(descriptor) else { return }
    let size = stageByteCount * UInt64(Self.stageCount + 1)
    guard
      let start = try? Mapping.map(
        byteCount: size, .read | .write, .private | .anonymous | .noReserve),
      let range = AddressRange(start: start, byteCount: size)
    else { return }
    memory = range
    let end = start + (stageByteCount - 1)
    stages = Address(end.rawValue & ~(stageByteCount - 1))
    if stageByteCount == Self.huge,
      let all = AddressRange(
        start: stages, byteCount: stageByteCount * UInt64(Self.stageCount))
    {
      try? Mapping.advise(all, Advice.hugePage)
    }
    queue = try? WriteQueue(capacity: Self.stageCount)
    isOn = queue != nil
  }

  deinit {
    var isIdle = true
    for index in 0..<Self.stageCount where pending[index].byteCount > 0 { isIdle = false }
    if isIdle, endsWithProcess { return }
    queue?.end()
    try? Mapping.unmap(memory)
  }

  private func stage(_ index: Int) -> Address {
    stages + UInt64(index) * stageByteCount
  }

  /// A stage that nobody writes from.
  ///
  /// - Throws: what went wrong with one that was under way.
  mutating func freeStage() throws(Errno) -> Address {
    while true {
      for index in 0..<Self.stageCount where pending[index].byteCount == 0 {
        return stage(index)
      }
      try finishOne()
    }
  }

  /// Starts to write from a stage that `freeStage` gave; where the kernel won't, it is written when
  /// this returns.
  ///
  /// - Precondition: `byteCount` and `offset` are multiples of a page.
  mutating func write(
    from address: Address, byteCount: UInt64, at offset: UInt64
  ) throws(Errno) {
    guard isOn, let queue else {
      return try Files.write(descriptor, from: address, byteCount: byteCount, at: offset)
    }
    let index = Int((address - stages) / stageByteCount)
    do throws(Errno) {
      // Only for the moment of the start: the rest of the image is not made of whole blocks.
      let status = try Descriptors.status(descriptor)
      try Descriptors.setStatus(descriptor, status | .direct)
      defer { try? Descriptors.setStatus(descriptor, status) }
      try queue.start(
        descriptor, from: address, byteCount: byteCount, at: offset, data: UInt64(index))
      pending[index] = Pending(byteCount: byteCount, offset: offset)
    } catch {
      isOn = false
      try Files.write(descriptor, from: address, byteCount: byteCount, at: offset)
    }
  }

  /// Waits until all is written that was started.
  mutating func finish() throws(Errno) {
    for index in 0..<Self.stageCount {
      while pending[index].byteCount > 0 { try finishOne() }
    }
  }

  /// Waits for a write; what it left is written as everything else is, which says why it can't.
  private mutating func finishOne() throws(Errno) {
    guard let queue else { return }
    let (data, result) = try queue.next()
    let index = Int(data)
    guard pending.indices.contains(index) else { throw .inputOutput }
    let done = pending[index]
    pending[index].byteCount = 0
    guard result != Int64(done.byteCount) else { return }
    isOn = false
    try Files.write(descriptor, from: stage(index), byteCount: done.byteCount, at: done.offset)
  }
}
