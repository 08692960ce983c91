internal import Kernel
internal import KernelABI

/// What the kernel does with a process's system calls, looked at before any signal is sent.
///
/// The agent's are the process's own: a filter of seccomp(2) may end it for one, and Syscall User Dispatch
/// would take them for somebody else's.
enum Confinement {
  /// Refuses what a checkpoint could harm, and what would be missing after a restart.
  ///
  /// Filters that this command has too belong to a container: `restart` will have them as well.
  ///
  /// - Parameter isKnown: whether somebody said that the program may come back without its filters.
  static func check(_ target: TargetFacts, isKnown: Bool) throws(TargetFailure) {
    let threads = target.threads.filter(\.isAlive)
    if threads.contains(where: { $0.status.seccompMode == 1 }) {
      throw .confinedStrictly(target.pid)
    }
    let own = ownStatus
    let filtered = threads.filter { $0.status.hasMoreFilters(than: own) }
    if let first = filtered.first {
      guard isKnown else {
        throw .filtered(target.pid, filters: first.status.seccompFilters)
      }
      for thread in filtered { try checkFilters(thread, target.pid) }
    }
    try checkDispatch(threads, target)
  }

  private static var ownStatus: ProcessStatus {
    (try? HostFiles.text(of: "/proc/self/status")).map { ProcessStatus($0) } ?? ProcessStatus()
  }

  // MARK: Filters

  private static func checkFilters(_ thread: TargetThread, _ pid: Int32) throws(TargetFailure) {
    guard let filters = read(thread.tid, pid) else { return }
    for call in AgentCall.all where call.isForbidden(by: filters) {
      throw .filterForbids(pid, call: call.name)
    }
  }

  /// - Returns: `nil` when they can't be read.
  private static func read(_ tid: Int32, _ pid: Int32) -> [FilterProgram]? {
    let found = ThreadVisit.run(tid, of: pid) { tracee -> [FilterProgram]? in
      var filters: [FilterProgram] = []
      while true {
        do throws(Errno) { filters.append(FilterProgram(try tracee.filter(filters.count))) } catch {
          return error == .noSuchFile ? filters : nil
        }
      }
    }
    return found ?? nil
  }

  // MARK: Dispatch

  /// Each thread is stopped for the look: only in a program that has a handler for SIGSYS, since without one
  /// the first call that is dispatched ends it.
  private static func checkDispatch(
    _ threads: [TargetThread], _ target: TargetFacts
  ) throws(TargetFailure) {
    guard target.status.catches(badCallSignal) else { return }
    for thread in threads where thread.status.tracer == 0 {
      let dispatches = ThreadVisit.run(thread.tid, of: target.pid) { $0.dispatchesCalls() } ?? nil
      if dispatches == true { throw .dispatches(target.pid, tid: thread.tid) }
    }
  }

  private static let badCallSignal = 31
}

extension ProcessStatus {
  /// Whether it has filters of its own, besides those of the surroundings that `other` has.
  func hasMoreFilters(than other: ProcessStatus) -> Bool {
    guard seccompMode == 2 else { return false }
    return seccompFilters > other.seccompFilters || other.seccompMode == 0
  }
}
