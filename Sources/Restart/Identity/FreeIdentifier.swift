internal import CImage
internal import Kernel

/// Process IDs that no thread of the program needs.
///
/// Pure.
struct FreeIdentifier: BitwiseCopyable {
  private let threads: Records<ckpt_thread>
  private var candidate: Int32
  private var count = 0

  /// The largest that Linux knows.
  private static let limit: Int32 = 4_194_303

  /// None is tried after so many.
  private static let patience = 1000

  init(_ threads: Records<ckpt_thread>) {
    self.threads = threads
    candidate = 0
    for index in 0..<threads.count { candidate = max(candidate, threads[index].tid) }
  }

  mutating func next() -> Int32? {
    repeat {
      guard count < Self.patience else { return nil }
      count += 1
      // In the second half from below, where every system has IDs.
      if count == Self.patience / 2 { candidate = 300 }
      candidate = candidate >= Self.limit ? 300 : candidate + 1
    } while isNeeded(candidate)
    return candidate
  }

  private func isNeeded(_ identifier: Int32) -> Bool {
    for index in 0..<threads.count where threads[index].tid == identifier { return true }
    return false
  }
}
