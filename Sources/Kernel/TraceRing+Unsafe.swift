internal import CKernel
internal import KernelABI

/// A page more than the ring takes, so that it can begin with one.
nonisolated(unsafe) private var room = InlineArray<2560, UInt64>(repeating: 0)

extension TraceRing {
  /// The ring of this program, in its own data: a fork has a copy.
  public static var own: TraceRing {
    @inline(__always) get {
      TraceRing(
        at: unsafe withUnsafeMutablePointer(to: &room) { unsafe Address(UnsafeRawPointer($0)) }
          .roundedUpToPage)
    }
  }

  /// Lets processes that are forked from now on add to the same ring.
  ///
  /// Where the kernel gives no shared memory, each has its own.
  ///
  /// - Precondition: nothing else has begun; what is in the ring is lost.
  public static func share() {
    _ = try? Mapping.map(
      at: own.base, byteCount: byteCount, .read | .write, .shared | .anonymous | .fixed)
  }
}
