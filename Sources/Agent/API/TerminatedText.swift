internal import Kernel
internal import KernelABI

/// Texts of the program's, which end with a NUL.
enum TerminatedText {
  /// Bytes before the NUL, at most `limit`.
  ///
  /// - Precondition: readable up to there.
  static func byteCount(at address: Address, limit: UInt64) -> UInt64 {
    var count: UInt64 = 0
    while count < limit, Memory.load(UInt8.self, at: address + count) != 0 { count += 1 }
    return count
  }
}
