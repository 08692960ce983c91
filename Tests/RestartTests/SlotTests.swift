import Kernel
import KernelABI
import Testing

@testable import Restart

/// Values that another thread or process takes up have as much room as they take.
@Suite struct SlotTests {
  private func holds<Value: BitwiseCopyable>(_ type: Value.Type) -> Bool {
    Slot<Value>.byteCount >= UInt64(MemoryLayout<Value>.size)
      && Slot<Value>.alignment >= UInt64(MemoryLayout<Value>.alignment)
  }

  @Test func isAsLargeAsItsValue() {
    #expect(holds(Pager.self))
    #expect(holds(Tracer.self))
    #expect(holds(MappedFill.self))
    #expect(holds(FillWorker.self))
    #expect(holds(RestartFailure.self))
  }

  /// Each part of a worker's memory ends before the next one begins.
  @Test func partsOfAWorkerDontOverlap() {
    let layout = WorkerLayout(at: Address(1 << 20))
    let failure = layout.failure.address + UInt64(MemoryLayout<RestartFailure>.size)
    let worker = layout.worker.address + UInt64(MemoryLayout<FillWorker>.size)
    #expect(layout.vectors >= layout.digests + DigestCache.byteCount)
    #expect(layout.failure.address >= layout.vectors + UInt64(FillUnit.spanLimit) * 16 + 12)
    #expect(layout.worker.address >= failure)
    #expect(layout.stack.start >= worker)
    #expect(layout.stack.end.rawValue <= (1 << 20) + WorkerLayout.byteCount)
    #expect(layout.stack.byteCount == 64 << 10)
  }
}
