internal import CStreams
internal import Kernel
internal import KernelABI

/// Lets a sink work in a thread of its own, a few blocks behind.
///
/// What the thread and the writer share are counters in memory of their own, which each of them
/// changes alone, and blocks that belong to one of them at a time. The thread keeps this object
/// alive until it has seen the end.
@safe
final class Relay: ByteSink, @unchecked Sendable {
  private let target: any ByteSink
  private let blocks: [Block]
  private let words: Block
  private var filling = 0

  /// What went wrong in the thread; written before `isOver` says so.
  private var failure: StreamFailure?

  private var filled: FutexWord { FutexWord(at: words.address) }
  private var emptied: FutexWord { FutexWord(at: words.address + 64) }

  /// 1: the thread is done; 2: it has failed.
  private var end: FutexWord { FutexWord(at: words.address + 128) }

  private static let blockCount = 4

  init(to target: any ByteSink) throws(StreamFailure) {
    self.target = target
    var blocks: [Block] = []
    for _ in 0..<Self.blockCount { blocks.append(try Block()) }
    self.blocks = blocks
    words = try Block(4096)
    let argument = unsafe Unmanaged.passRetained(self).toOpaque()
    let error = unsafe cthread_start(
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Relay>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, argument)
    guard error == 0 else {
      unsafe Unmanaged<Relay>.fromOpaque(argument).release()
      throw .memory(Errno(rawValue: error))
    }
  }

  func write(_ address: Address, _ count: Int) throws(StreamFailure) {
    var done = 0
    while done < count {
      let block = try freeBlock()
      let part = min(count - done, block.capacity - filling)
      Memory.copy(
        from: address + UInt64(done), to: block.address + UInt64(filling), byteCount: UInt64(part))
      filling += part
      done += part
      if filling == block.capacity { publish(block) }
    }
  }

  func finish() throws(StreamFailure) {
    if filling > 0 { publish(try freeBlock()) }
    // An empty block is the end.
    publish(try freeBlock())
    while end.value == 0 { end.wait(while: 0) }
    if end.value == 2, let failure { throw failure }
  }

  private func freeBlock() throws(StreamFailure) -> Block {
    while true {
      let emptied = self.emptied.value
      if end.value == 2, let failure { throw failure }
      let number = filled.value
      if number &- emptied < UInt32(Self.blockCount) {
        return blocks[Int(number % UInt32(Self.blockCount))]
      }
      self.emptied.wait(while: emptied)
    }
  }

  private func publish(_ block: Block) {
    block.count = filling
    filling = 0
    filled.add(1)
    filled.wakeAll()
  }

  // MARK: In the thread

  private func run() {
    do throws(StreamFailure) {
      try drain()
      end.store(1)
    } catch {
      failure = error
      end.store(2)
      // Whoever waits for room looks again.
      emptied.add(1)
      emptied.wakeAll()
    }
    end.wakeAll()
  }

  private func drain() throws(StreamFailure) {
    while true {
      let number = emptied.value
      while filled.value == number { filled.wait(while: number) }
      let block = blocks[Int(number % UInt32(Self.blockCount))]
      guard block.count > 0 else { return try target.finish() }
      try target.write(block.address, block.count)
      emptied.add(1)
      emptied.wakeAll()
    }
  }
}
