internal import CImage
internal import Kernel
internal import KernelABI

/// Where the program stands among sessions, process groups and the terminal.
enum JobPlan: Equatable, BitwiseCopyable {
  /// In the group of `restart`.
  case shareGroup
  /// At the head of a group of its own; in front of the terminal if `restart` was.
  case ownGroup
  /// At the head of a session of its own, without a terminal.
  case ownSession

  /// What decides.
  struct Situation {
    /// It was at the head of its session or its group when it was saved.
    var ledSession: Bool
    var ledGroup: Bool
    var hadTerminal: Bool
    /// `--detach`.
    var detaches: Bool
    /// `restart` reads or writes a pipe, so others of its group want the terminal too.
    var isInPipeline: Bool
  }

  init(_ situation: Situation) {
    if situation.detaches || situation.ledSession && !situation.hadTerminal {
      self = .ownSession
    } else if (situation.ledGroup || situation.ledSession) && !situation.isInPipeline {
      self = .ownGroup
    } else {
      self = .shareGroup
    }
  }

  init(for process: ckpt_process, detaches: Bool) {
    self.init(
      Situation(
        ledSession: process.session == process.pid, ledGroup: process.group == process.pid,
        hadTerminal: process.flags & CKPT_PROCESS_HAS_TERMINAL != 0, detaches: detaches,
        isInPipeline: isPipe(0) || isPipe(1)))
  }
}

/// Whether a descriptor is a pipe; a closed one is not.
private func isPipe(_ number: Int32) -> Bool {
  guard let status = try? FileStatus(of: number) else { return false }
  return status.kind == .fifo
}

/// The calling process's terminal.
struct Terminal: BitwiseCopyable {
  /// -1: none.
  var descriptor: Int32 = -1

  /// Opens the controlling terminal, if there is one.
  static func open() -> Terminal {
    guard let file = try? FileDescriptor("/dev/tty", .readWrite | .noControllingTerminal) else {
      return Terminal()
    }
    return Terminal(descriptor: file.relinquish())
  }

  var exists: Bool { descriptor >= 0 }

  /// The group in front, as the caller sees it.
  var frontGroup: Int32? { exists ? try? Terminals.frontGroup(descriptor) : nil }

  /// - Precondition: SIGTTOU is blocked, since the caller may be in the background.
  func bringToFront(_ group: Int32) {
    if exists { try? Terminals.setFrontGroup(descriptor, group) }
  }

  func close() {
    if exists { closeDescriptor(descriptor) }
  }
}
