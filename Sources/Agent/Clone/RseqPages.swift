internal import CImage
internal import Kernel
internal import KernelABI

/// The pages that the kernel itself writes to whenever a thread goes on.
///
/// A clone shares them, so that each thread would begin with a copy of its page, in turn with all
/// others, and each copy makes every other processor forget the page (an interrupt: 10 µs and more on
/// a virtual machine). While all threads but one sleep, no other processor has to be told.
enum RseqPages {
  /// With fewer threads it is not worth while.
  private static let least = 8

  /// Gives the program copies of its own; for the leader, when a clone was made and all are parked.
  static func unshare(_ threads: Table<ckpt_thread>) {
    guard threads.count >= least else { return }
    for index in 0..<threads.count {
      let thread = threads[index]
      let page = Address(thread.rseq).roundedDownToPage
      guard thread.rseq != 0, thread.frame != 0,
        let range = AddressRange(start: page, byteCount: pageByteCount)
      else { continue }
      _ = try? Mapping.advise(range, Advice.populateWrite)
    }
  }
}
