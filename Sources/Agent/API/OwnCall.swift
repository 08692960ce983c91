internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// A checkpoint that the program asks for by a call: what the handler is to do, and what came of it.
///
/// The calling thread sends itself the agent's signal: so the kernel puts its registers where those of all
/// threads are, and the rest is as for any other trigger. Only the thread that is `Agent.caller` changes it,
/// and the leader, which is the same thread.
struct OwnCall: BitwiseCopyable {
  /// What came of it.
  enum Outcome: UInt8, BitwiseCopyable {
    /// The handler has not been there.
    case none

    /// Another checkpoint is on or being written, or checkpoints are deferred: try again.
    case busy

    /// The image is safe on disk.
    case saved

    /// A clone writes the image.
    case begun

    /// The `ckpt save` that it was for has given up meanwhile.
    case gone
    case failed
  }

  /// Number of the last call; part of what the signal carries.
  var number: UInt64 = 0

  /// Whether a checkpoint is being made for it.
  var isOn = false
  var outcome = Outcome.none
  var errno = Errno.none

  /// CKPT_REQUEST_ bits of the protocol.
  var flags: UInt32 = 0
  var exitStatus: Int32 = 0

  /// The settings with the path and the number of images of the call.
  var configuration = Configuration()

  /// Whether the path is the call's own.
  var namesPath = false

  /// The `ckpt save` that it is made for, 0: none.
  var token: UInt64 = 0
  var label = Address.zero
  var labelByteCount: UInt64 = 0

  /// Top 16 bits of the values of its signals; differs from those of a stop and of the control socket.
  private static let tag: UInt64 = 0x57CA

  /// What the signal of call `number` carries.
  static func value(of number: UInt64) -> UInt64 { tag << 48 | number & 0xFFFF_FFFF_FFFF }

  /// Whether a signal is the calling thread's own, of the call that it is in.
  static func isOwn(_ info: ckernel_siginfo) -> Bool {
    info.code == Signal.queued && info.value == value(of: Agent.state.call.number)
      && info.pid == Process.ownID && Agent.state.call.outcome == .none
      && Agent.caller.value == UInt32(bitPattern: OwnThread.identifier)
  }

  /// A clone is at work for the call.
  static func noteBegun() {
    let number = Agent.state.call.number
    Agent.state.writerCall = number
    for slot in 0..<2 where Agent.state.waited[slot].call == number {
      Agent.state.waited[slot].state = .writing
    }
    Agent.state.call.outcome = .begun
  }

  /// Nobody will hear any more what became of images that were being written.
  static func loseClones() {
    Agent.state.writerCall = 0
    for slot in 0..<2 where Agent.state.waited[slot].call != 0 {
      switch Agent.state.waited[slot].state {
      case .durable, .failed: break
      case .none, .writing, .lost: Agent.state.waited[slot].state = .lost
      }
    }
  }

  /// Notes a failure and its sentence; in the handler or before.
  static func note(_ failure: CaptureFailure) {
    Agent.state.call.outcome = .failed
    Agent.state.call.errno = failure.errno.rawValue != 0 ? failure.errno : failure.reason.errno
    var line = Report.sentence(of: failure)
    Sentences.store(&line, at: Sentences.callPlace)
  }
}

/// What a call waits for that a clone does.
struct CloneWord: BitwiseCopyable {
  enum State: UInt8, BitwiseCopyable {
    case none, writing, durable, failed

    /// The process was restarted meanwhile.
    case lost
  }

  /// The call, 0: none.
  var call: UInt64 = 0
  var state = State.none
  var errno = Errno.none

  /// For the call that waits, and for the last one that did not.
  static let waiting = 0
  static let asynchronous = 1
}

extension CaptureFailure.Reason {
  /// An errno for failures that the kernel did not report.
  var errno: Errno {
    switch self {
    case .threadDoesNotStop, .threadBlocksEverySignal: .timedOut
    case .tooManyDescriptors: .tooManyOpen
    case .connectionInProgress, .descriptorsInFlight: .tryAgain
    default: .notSupported
    }
  }
}
