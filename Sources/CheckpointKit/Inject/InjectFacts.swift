internal import CKernel
internal import Kernel
internal import KernelABI

/// What is looked at before a process is touched.
struct InjectFacts: Equatable {
  var target: TargetFacts
  var maps: [MapsLine]

  /// The first bytes of its program file, empty when they can't be read.
  var programHead: [UInt8]

  /// This command's own.
  var own: ProcessStatus

  static func read(_ target: TargetFacts) throws(InjectFailure) -> InjectFacts {
    let pid = target.pid
    let text: String
    let own: ProcessStatus
    do throws(Errno) {
      text = try HostFiles.text(of: "/proc/\(target.shower)/maps")
      own = ProcessStatus(try HostFiles.text(of: "/proc/self/status"))
    } catch {
      throw .target(.unreadable(pid, "maps", error))
    }
    let head = try? HostFiles.contents(of: "/proc/\(target.shower)/exe", limit: 64)
    return InjectFacts(
      target: target, maps: MapsLine.all(in: text), programHead: head ?? [], own: own)
  }

  /// Refuses what can't or must not be tried.
  ///
  /// - Parameter isBold: also a process with seccomp filters, which may end it.
  func check(isBold: Bool) throws(InjectFailure) {
    let status = target.status
    guard target.threads.contains(where: \.isAlive) else { throw .target(.zombie(target.pid)) }
    guard !maps.isEmpty else { throw .target(.kernelThread(target.pid)) }
    if programHead.starts(with: [0x7F, 0x45, 0x4C, 0x46]), programHead.count > 4,
      programHead[4] != 2
    {
      throw .foreign(target.pid)
    }
    if let tracer = target.threads.map(\.status.tracer).first(where: { $0 != 0 }) {
      throw .forbidden(.tracedBy(tracer, name: processName(tracer)))
    }
    if status.seccompMode == 1 { throw .confinedStrictly(target.pid) }
    if !isBold, status.seccompMode == 2, status.seccompFilters > own.seccompFilters {
      throw .confined(target.pid, filters: status.seccompFilters)
    }
  }

  /// The threads that may be made to do it, best first.
  ///
  /// One in epoll_wait(2) can't be stopped without its call ending, nor one in an uninterruptible
  /// wait at all.
  func threads() -> [(tid: Int32, sample: ThreadSample)] {
    target.threads.filter(\.isAlive).map { thread in
      (thread, ThreadSample.read(thread.tid, of: target.pid))
    }.sorted { rank($0.0, $0.1) < rank($1.0, $1.1) }.map { ($0.0.tid, $0.1) }
  }

  private func rank(_ thread: TargetThread, _ sample: ThreadSample) -> (Int, Int32) {
    let wait =
      thread.status.state == "D"
      ? 2 : BlockingCall.endsWhenStopped(sample.call) ? 1 : 0
    return (wait, thread.tid == target.pid ? 0 : thread.tid)
  }
}

extension TargetFacts {
  /// A thread by which /proc shows the process's memory and files: a main thread that has ended has
  /// neither.
  var shower: Int32 {
    status.state == "Z" ? threads.first { $0.isAlive }?.tid ?? pid : pid
  }
}

/// The name of a process, empty when it is gone.
func processName(_ pid: Int32) -> String {
  (try? HostFiles.text(of: "/proc/\(pid)/comm"))?.split(separator: "\n").first.map(String.init)
    ?? ""
}

extension PtraceRefusal.Facts {
  /// Looks at what may have forbidden to trace a process.
  static func read(_ target: TargetFacts) -> PtraceRefusal.Facts {
    var facts = PtraceRefusal.Facts()
    let pid = target.pid
    if let status = try? HostFiles.text(of: "/proc/\(pid)/status") {
      facts.tracer = ProcessStatus(status).tracer
      facts.tracerName = facts.tracer == 0 ? "" : processName(facts.tracer)
    }
    facts.yamaScope = (try? HostFiles.text(of: "/proc/sys/kernel/yama/ptrace_scope"))
      .flatMap { Int($0.prefix { $0.isNumber }) }
    facts.isCapable = hasTraceCapability()
    facts.isFiltered = !Ptrace.isAvailable
    facts.isReadable = (try? HostFiles.contents(of: "/proc/\(pid)/environ", limit: 1)) != nil
    facts.isSameUser = OwnIDs.realUser == target.status.user
    return facts
  }

  /// CAP_SYS_PTRACE is bit 19.
  private static func hasTraceCapability() -> Bool {
    guard let text = try? HostFiles.text(of: "/proc/self/status"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
      let set = UInt64(line.dropFirst(7).filter { $0.isHexDigit }, radix: 16)
    else { return false }
    return set >> 19 & 1 == 1
  }
}
