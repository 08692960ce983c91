internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The signal the agent waits for unless CKPT_SIGNAL says otherwise: SIGUSR2.
public let defaultTrigger = 12

/// The name of the init process that `restart` puts into a namespace of its own.
private let initName = "ckpt-init"

/// Nanoseconds that a restart may take until its program has an agent.
private let restartPatience: UInt64 = 5_000_000_000

/// The name of the process that reads the memory of a program which `restart --lazy` started.
private let readerName = "ckpt-lazy"

extension TargetFacts {
  /// Looks at a process; one that is `restart` gives the program it brings back.
  ///
  /// It waits for a program that is just being brought back.
  public static func read(_ pid: Int32) throws(TargetFailure) -> TargetFacts {
    let deadline = Clock.monotonic + restartPatience
    while true {
      let facts = try readOnly(pid)
      guard !facts.hasAgent, isRestart(pid) else { return facts }
      if let program = program(of: pid) {
        let found = try readOnly(program)
        if found.hasAgent || !isRestart(program) { return found }
      }
      guard Clock.monotonic < deadline else { throw .restartWithoutProgram(pid) }
      Scheduling.sleep(milliseconds: 5)
    }
  }

  /// The program that a `restart` brought back, or is about to.
  private static func program(of restart: Int32) -> Int32? {
    children(of: restart).first { child in
      do throws(TargetFailure) { return try readStatus(child).name != initName } catch {
        return false
      }
    }
  }

  private static func readOnly(_ pid: Int32) throws(TargetFailure) -> TargetFacts {
    let status = try readStatus(pid)
    guard status.threadGroup == pid else { throw .isThread(pid, of: status.threadGroup) }
    if status.isKernelThread { throw .kernelThread(pid) }
    try checkPermission(pid, status)
    if status.state == "Z" && taskNames(pid).count <= 1 { throw .zombie(pid) }
    // A main thread that has ended has no memory; the other threads have it still.
    let shower = status.state == "Z" ? livingThread(of: pid) : pid
    let maps = try text(pid, "task/\(shower)/maps")
    let environment = Environment(
      terminated: Array(try text(pid, "task/\(shower)/environ").utf8))
    let trigger = environment.value(of: "CKPT_SIGNAL").flatMap(signalNumber) ?? defaultTrigger
    // A thread that ends meanwhile isn't one any more.
    let threads = taskNames(pid).compactMap { tid in
      (try? readStatus(tid, of: pid)).map { status in
        let isBeingFilled = status.tracer != 0 && processName(status.tracer) == readerName
        return TargetThread(tid: tid, status: status, isBeingFilled: isBeingFilled)
      }
    }
    return TargetFacts(
      pid: pid, status: status, hasAgent: showsAgent(maps: maps), trigger: trigger,
      threads: threads)
  }

  private static func livingThread(of pid: Int32) -> Int32 {
    taskNames(pid).first { tid in (try? readStatus(tid, of: pid))?.state != "Z" } ?? pid
  }

  static func readStatus(_ pid: Int32) throws(TargetFailure) -> ProcessStatus {
    do throws(Errno) { return ProcessStatus(try HostFiles.text(of: "/proc/\(pid)/status")) } catch {
      throw error == .noSuchFile || error == .noSuchProcess
        ? .noSuchProcess(pid) : .unreadable(pid, "status", error)
    }
  }

  private static func readStatus(_ tid: Int32, of pid: Int32) throws(Errno) -> ProcessStatus {
    ProcessStatus(try HostFiles.text(of: "/proc/\(pid)/task/\(tid)/status"))
  }

  /// Source: kill(2) with signal 0.
  private static func checkPermission(
    _ pid: Int32, _ status: ProcessStatus
  ) throws(TargetFailure) {
    do throws(Errno) { try Process.send(0, to: pid) } catch {
      throw error == .notPermitted ? .notOurs(pid, user: status.user) : .noSuchProcess(pid)
    }
  }

  private static func text(_ pid: Int32, _ name: String) throws(TargetFailure) -> String {
    do throws(Errno) { return try HostFiles.text(of: "/proc/\(pid)/\(name)") } catch {
      throw error == .noSuchProcess || error == .noSuchFile || isEnding(pid)
        ? .noSuchProcess(pid) : .unreadable(pid, name, error)
    }
  }

  /// Whether a process is gone, or has given up its memory on the way there.
  ///
  /// Then much of /proc/PID and ptrace(2) is refused, in words that tell of anything but that.
  static func isEnding(_ pid: Int32) -> Bool {
    let living = taskNames(pid).lazy.compactMap { tid in try? readStatus(tid, of: pid) }
    return !living.contains { $0.hasMemory || $0.isKernelThread }
  }

  private static func taskNames(_ pid: Int32) -> [Int32] {
    numbers(in: "/proc/\(pid)/task")
  }

  static func isRestart(_ pid: Int32) -> Bool {
    do throws(Errno) {
      var path = try HostFiles.linkTarget("/proc/\(pid)/exe")
      if path.hasSuffix(" (deleted)") { path.removeLast(10) }
      if path.namePart == "restart" { return true }
      return Executable.isOne(prefix: try HostFiles.contents(of: "/proc/\(pid)/exe", limit: 4096))
    } catch {
      return false
    }
  }

  /// Processes that it started and has not waited for: they are no part of an image, nor is how those ended
  /// that are zombies.
  public func childCount() -> Int { Self.children(of: pid).count }

  /// Found by their parent: /proc/PID/task/TID/children is missing from many kernels.
  private static func children(of pid: Int32) -> [Int32] {
    numbers(in: "/proc").filter { candidate in
      do throws(TargetFailure) { return try readStatus(candidate).parent == pid } catch {
        return false
      }
    }
  }

  /// The one process that is called `name` and has the agent in it, else the one of that name.
  public static func find(named name: String) throws(TargetFailure) -> Int32 {
    let found = numbers(in: "/proc").filter { isCalled($0, name) }
    let savable = found.filter { pid in
      do throws(TargetFailure) { return try readOnly(pid).hasAgent } catch { return false }
    }
    if savable.count == 1 { return savable[0] }
    if savable.count > 1 { throw .severalByName(name, savable) }
    guard let first = found.first else { throw .noSuchName(name) }
    guard found.count == 1 else { throw .severalByName(name, found) }
    return first
  }

  /// Whether the kernel's name, which has at most 15 bytes, or the first word of the command line
  /// says so.
  private static func isCalled(_ pid: Int32, _ name: String) -> Bool {
    do throws(TargetFailure) {
      if try readStatus(pid).name == name { return true }
      let line = Array(try text(pid, "cmdline").utf8)
      let words = terminatedStrings(in: line)
      return words.first.map { String(decoding: $0, as: UTF8.self).namePart == name } ?? false
    } catch {
      return false
    }
  }
}

/// The entries of a folder whose names are numbers, in order; none when it can't be read.
func numbers(in folder: String) -> [Int32] {
  do throws(Errno) {
    return try HostFiles.names(in: folder).compactMap { Int32($0) }.sorted()
  } catch {
    return []
  }
}

extension ThreadSample {
  /// Looks at a thread that is about to be signalled.
  ///
  /// What can't be read is not known.
  static func read(_ tid: Int32, of pid: Int32) -> ThreadSample {
    let folder = "/proc/\(pid)/task/\(tid)"
    do throws(Errno) {
      var sample = ThreadSample(systemCallLine: try HostFiles.text(of: "\(folder)/syscall"))
      sample.waited = waited(
        since: try? HostFiles.text(of: "\(folder)/sched"),
        on: (try? HostFiles.text(of: "\(folder)/stat")).flatMap(processor(inStat:)))
      return sample
    } catch {
      return .unknown
    }
  }

  /// The scheduler's clock can be read only through a task: after a yield our own entry shows now.
  ///
  /// Each processor has a clock of its own, and they drift apart for as long as the machine is up: 0.4
  /// seconds were measured. So this command goes to the thread's for a moment.
  private static func waited(since sched: String?, on processor: Int?) -> UInt64 {
    guard let then = sched.flatMap(accountedTime), let processor,
      let now = Affinity.visiting(
        processor,
        { () -> UInt64? in
          Scheduling.yield()
          return (try? HostFiles.text(of: "/proc/self/sched")).flatMap(accountedTime)
        }), now > then
    else { return 0 }
    return now - then
  }
}
