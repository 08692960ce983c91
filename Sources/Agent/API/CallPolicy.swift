internal import CAPI
internal import CKernel
internal import Kernel
internal import KernelABI

/// struct ckpt_options with its pointer as a number: all of it is laid out alike in C and Swift, which a test
/// holds against the header.
struct CallOptions: BitwiseCopyable {
  var size: UInt32 = 0
  var flags: UInt32 = 0
  var every: UInt64 = 0

  /// Nanoseconds.
  var interval: UInt64 = 0
  var probability: Double = 0
  var keep: UInt32 = 0
  var exitStatus: Int32 = 0

  /// Address of a text, 0: none.
  var label: UInt64 = 0

  // What is counted.
  var calls: UInt64 = 0
  var saves: UInt64 = 0

  /// By CLOCK_MONOTONIC, in nanoseconds.
  var last: UInt64 = 0
}

/// Whether a call of ckpt_checkpoint is to save, by its options.
///
/// The counters lie in the program's own struct: each place that calls has its own, and a restarted
/// process has them with its memory.
struct CallPolicy: BitwiseCopyable {
  var options: CallOptions

  /// What is not in the options.
  struct Moment {
    var restarts: UInt32

    /// CLOCK_MONOTONIC, in nanoseconds.
    var now: UInt64

    /// 64 random bits.
    var random: UInt64
  }

  /// Source: `ckpt.h`.
  private static let known =
    CKPT_ASYNC | CKPT_SYNC | CKPT_INCREMENTAL | CKPT_FULL | CKPT_ONCE | CKPT_NOT_IN_COPIES
    | CKPT_EXIT
    | CKPT_EXECUTABLE

  private static let callsOffset: UInt64 = 48
  private static let savesOffset: UInt64 = 56
  private static let lastOffset: UInt64 = 64

  // MARK: Deciding

  /// What is wrong with the options, `nil`: nothing.
  var complaint: StaticString? {
    if options.flags & ~Self.known != 0 {
      return "options.flags has bits that this agent doesn't know"
    }
    if !(options.probability >= 0 && options.probability <= 1) {
      return "options.probability is not 0...1"
    }
    if options.flags & CKPT_EXIT != 0, options.flags & CKPT_ASYNC != 0 {
      return
        "CKPT_EXIT and CKPT_ASYNC don't go together: the process would end before its image is safe"
    }
    if options.flags & CKPT_EXECUTABLE != 0,
      options.flags & CKPT_INCREMENTAL != 0 || options.keep > 0
    {
      return
        "CKPT_EXECUTABLE goes with neither CKPT_INCREMENTAL nor keep: an executable stands alone"
    }
    if !(0...255).contains(options.exitStatus) { return "options.exit_status is not 0...255" }
    return nil
  }

  /// - Parameter call: the number of this call, from 1.
  func isDue(call: UInt64, _ moment: Moment) -> Bool {
    if options.flags & CKPT_NOT_IN_COPIES != 0, moment.restarts > 0 { return false }
    if options.flags & CKPT_ONCE != 0, options.saves > 0 { return false }
    if options.every > 1, call % options.every != 0 { return false }
    // A clock that went back: it was long ago.
    if options.interval > 0, options.last > 0, moment.now >= options.last,
      moment.now - options.last < options.interval
    {
      return false
    }
    guard options.probability > 0, options.probability < 1 else { return true }
    // The upper 53 bits are as many as a Double has.
    return Double(moment.random >> 11) < options.probability * Double(1 << 53)
  }

  // MARK: The program's struct

  /// - Throws: `invalid` when it is too small, `outOfRange` when it has more than this agent knows.
  static func read(at address: Address) throws(Errno) -> CallPolicy {
    guard address != .zero else { return CallPolicy(options: CallOptions()) }
    let size = UInt64(Memory.load(UInt32.self, at: address))
    let known = UInt64(MemoryLayout<CallOptions>.size)
    guard size >= known, size <= pageByteCount else { throw .invalid }
    var offset = known
    while offset < size {
      guard Memory.load(UInt8.self, at: address + offset) == 0 else { throw .outOfRange }
      offset += 1
    }
    return CallPolicy(options: Memory.load(at: address))
  }

  /// Counts a call, and says whether it is to save; then its time counts as that of the last try.
  static func take(_ policy: CallPolicy, at address: Address) -> Bool {
    guard address != .zero else { return true }
    let call = ckernel_atomic_add64(address.rawValue + callsOffset, 1)
    // The common case first: it must cost next to nothing.
    let options = policy.options
    if options.every > 1, call % options.every != 0 { return false }
    let now = Clock.monotonic
    let isRandom = options.probability > 0 && options.probability < 1
    let random = isRandom ? (try? Random.word()) ?? 0 : 0
    let moment = Moment(restarts: Agent.state.restarts, now: now, random: random)
    guard policy.isDue(call: call, moment) else { return false }
    // Of two threads with the same options, one has it.
    return ckernel_atomic_exchange64(
      address.rawValue + lastOffset, options.last, now) != 0
  }

  /// Counts an image, or a restart from it.
  static func countSaved(at address: Address) {
    guard address != .zero else { return }
    _ = ckernel_atomic_add64(address.rawValue + savesOffset, 1)
    Memory.store(Clock.monotonic, at: address + lastOffset)
  }
}
