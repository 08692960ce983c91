internal import CKernel
internal import Kernel
internal import KernelABI

/// A child's change of state.
enum ChildEvent: Equatable, BitwiseCopyable {
  case exited(status: Int32)
  case killed(signal: Int32)
  case stopped(signal: Int32)
  case continued

  /// - Parameters:
  ///   - code: `si_code`, CLD_.
  ///   - status: `si_status`.
  ///
  /// Source: waitid(2).
  init?(code: Int32, status: Int32) {
    switch code {
    case 1: self = .exited(status: status)
    case 2, 3: self = .killed(signal: status)
    case 5: self = .stopped(signal: status)
    case 6: self = .continued
    default: return nil
    }
  }
}

enum ChildProcess {
  /// What has happened to `pid` and wasn't told yet.
  static func nextEvent(of pid: Int32) -> ChildEvent? {
    // A word that is missed here is told once, and nobody would signal again: look more than once.
    for _ in 0..<2 {
      do throws(Errno) {
        return try answer(of: pid, .noHang | .stopped | .exited | .continued)
      } catch {}
    }
    return event(of: pid, .noHang | .stopped | .exited | .continued)
  }

  /// Waits for a child to end; what goes wrong counts as a good end.
  static func awaitEvent(of pid: Int32) -> ChildEvent {
    event(of: pid, .exited) ?? .exited(status: 0)
  }

  private static func event(of pid: Int32, _ options: Wait.Options) -> ChildEvent? {
    (try? answer(of: pid, options)) ?? nil
  }

  private static func answer(
    of pid: Int32, _ options: Wait.Options
  ) throws(Errno) -> ChildEvent? {
    let information = try Wait.event(of: .process(pid), options)
    guard information.pid == pid else { return nil }
    return ChildEvent(
      code: information.code, status: Int32(truncatingIfNeeded: information.value))
  }

  /// Waits for a child that is about to end.
  static func reap(_ pid: Int32) { _ = try? Wait.event(of: .process(pid), .exited) }

  /// Waits for a child that is about to end, and for those that it may wait for itself.
  static func reapUntil(_ pid: Int32) {
    while let information = try? Wait.event(of: .any, .exited), information.pid != pid {}
  }

  /// Waits for some child to end.
  static func reapAny() { _ = try? Wait.event(of: .any, .exited) }

  /// Reaps every child that has ended.
  static func reapAll() {
    while let information = try? Wait.event(of: .any, .noHang | .exited), information.pid != 0 {}
  }
}
