internal import CkptStub

/// How and when to save, for one place in the program; what is set must all hold.
///
/// A class: it counts its calls, and is in the image with the rest of the memory, so that a restarted process counts on.
@safe public final class CheckpointPolicy: @unchecked Sendable {
  // Its address is the C API's, which changes the counters by atomic operations.
  let options: UnsafeMutablePointer<ckpt_options>
  private let label: UnsafeMutablePointer<CChar>?

  /// How the image is made and what follows; the raw values are those of `ckpt.h`.
  public struct Manner: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Return when the program may go on; `Checkpoint.wait` tells what came of it.
    public static let asynchronous = Manner(rawValue: 1)

    /// Without a copy-on-write clone.
    public static let inPlace = Manner(rawValue: 2)

    /// Only what changed since the last image.
    public static let incremental = Manner(rawValue: 4)

    /// All of it, even in an incremental series.
    public static let full = Manner(rawValue: 8)

    /// Never again after one image, in restarted copies neither.
    public static let once = Manner(rawValue: 16)

    /// Never in a restarted process.
    public static let notInCopies = Manner(rawValue: 32)

    /// A snapshot executable instead of an image.
    public static let executable = Manner(rawValue: 128)
  }

  /// - Parameters:
  ///   - every: save at every so many-th call only.
  ///   - interval: not before so much time has passed since the last try.
  ///   - probability: above 0, at most 1.
  ///   - keep: images that stay, `path.1`, `path.2`, …; 0: one file that is replaced.
  ///   - exitStatus: end the process with it, 0...255, when the image is safe.
  ///   - label: goes into the image.
  public init(
    _ manner: Manner = [], every: UInt64 = 0, interval: Duration = .zero,
    probability: Double? = nil,
    keep: UInt32 = 0, exitStatus: Int32? = nil, label: String? = nil
  ) {
    unsafe self.label = label.map { unsafe Self.copy($0) }
    let options = UnsafeMutablePointer<ckpt_options>.allocate(capacity: 1)
    unsafe options.initialize(to: ckpt_options())
    unsafe options.pointee.size = UInt32(MemoryLayout<ckpt_options>.size)
    unsafe options.pointee.flags = manner.rawValue | (exitStatus == nil ? 0 : CKPT_EXIT)
    unsafe options.pointee.every = every
    unsafe options.pointee.interval = interval.nanoseconds
    unsafe options.pointee.probability = probability ?? 0
    unsafe options.pointee.keep = keep
    unsafe options.pointee.exit_status = exitStatus ?? 0
    unsafe options.pointee.label = unsafe UnsafePointer(self.label)
    unsafe self.options = options
  }

  deinit {
    unsafe options.deallocate()
    unsafe label?.deallocate()
  }

  /// Times it was used.
  public var calls: UInt64 { unsafe options.pointee.calls }

  /// Images made, and restarts from them.
  public var saves: UInt64 { unsafe options.pointee.saves }

  private static func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { unsafe copy[index] = byte }
    return unsafe copy
  }
}

extension Duration {
  /// Nanoseconds, from 0 to the longest that fits.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflows) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return overflows ? .max : whole &+ UInt64(attoseconds / 1_000_000_000)
  }
}
