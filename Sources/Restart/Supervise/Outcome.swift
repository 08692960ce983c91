internal import CImage
internal import Kernel
internal import KernelABI

/// What came through the status pipe.
enum Outcome: Equatable, BitwiseCopyable {
  case runs
  /// The child ended without a word here; what there was to say it has said itself.
  case silent
  /// The agent could not go on.
  case failed(step: UInt32, errno: Int32, subject: UInt64)

  /// Reads what the child or its agent has written.
  static func read(from status: Int32) -> Outcome {
    var failure = ckpt_failure()
    let count = try? Files.read(status, into: &failure)
    return Outcome(failure, byteCount: Int(count ?? 0))
  }

  init(_ failure: ckpt_failure, byteCount: Int) {
    switch byteCount {
    case MemoryLayout<ckpt_failure>.size:
      self = .failed(step: failure.step, errno: failure.error, subject: failure.subject)
    case 4 where failure.step == 0: self = .runs
    default: self = .silent
    }
  }
}

extension Outcome {
  /// What to tell the user, when the agent has said why it could not go on.
  ///
  /// The steps are those of the agent's `WakeReport`.
  var failure: RestartFailure? {
    guard case .failed(let step, let number, let subject) = self else { return nil }
    let errno = Errno(rawValue: number)
    switch step {
    case 1:
      return RestartFailure(
        .missingKernelFeature, "the agent in the image is of another version than this program",
        errno: errno, hint: "use the `restart` that was installed with that libckpt.so")
    case 2:
      return RestartFailure(
        .failed, "cannot start a thread of the program with its ID", errno: errno,
        hint: errno == .exists
          ? "use --private-pids, or --fresh-pids for any other ID" : "", number: subject,
        numberStyle: .decimal)
    case 3:
      return RestartFailure(
        .permission, "cannot take from the program what it had given up for good (securebits)",
        errno: errno, hint: "restart it as root, or with --private-pids")
    case 4:
      return RestartFailure(
        .failed, "the kernel does not give the program all of its state again: RestoreLosses",
        hint: "restart it once more; if that fails too, it needs the machine it was saved on",
        number: subject, numberStyle: .hexadecimal)
    default:
      return RestartFailure(
        .failed, "the agent in the program could not finish the restart, at its step",
        errno: errno, number: UInt64(step), numberStyle: .decimal)
    }
  }
}
