internal import CKernel
internal import Kernel
internal import KernelABI

/// What a worker has of its own in the restart arena, besides its huge page; zero at first.
struct WorkerLayout: BitwiseCopyable {
  private let start: Address

  init(at start: Address) { self.start = start }

  /// For `DigestCache`.
  var digests: Address { start }

  /// For `FillUnit.spanLimit` vectors of readv(2).
  var vectors: Address { digests + DigestCache.byteCount }

  private var words: Address {
    vectors + UInt64(FillUnit.spanLimit) * UInt64(MemoryLayout<ckernel_iovec>.stride)
  }
  private static var wordsByteCount: UInt64 { 64 }

  /// How the worker has ended, 0: not yet.
  var end: FutexWord { FutexWord(at: words) }

  /// Of the first worker, for all: which unit is next, and whether some worker has failed.
  var next: FutexWord { FutexWord(at: words + 4) }
  var failed: FutexWord { FutexWord(at: words + 8) }

  /// Why it has failed.
  var failure: Slot<RestartFailure> { Slot(at: words + Self.wordsByteCount) }

  /// The worker itself, for its thread.
  var worker: Slot<FillWorker> { Slot(at: failure.end) }

  var stack: AddressRange {
    AddressRange(start: worker.end, byteCount: Self.stackByteCount) ?? .empty
  }
  private static var stackByteCount: UInt64 { 64 << 10 }

  static var byteCount: UInt64 {
    roundedUpToPage(WorkerLayout(at: .zero).stack.end.rawValue)
  }
}
