internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// How the agent is to be put into a process.
public struct Injection: Equatable, Sendable {
  /// The agent's file.
  public var agent: String

  /// `CKPT_FILE` and the like; they count more than the process's environment.
  public var settings: [Setting]

  /// Whether to try it with a process that has seccomp filters of its own.
  public var isBold = false

  public init(agent: String, settings: [Setting] = []) {
    self.agent = agent
    self.settings = settings
  }

  /// Puts the agent into the process; it goes on as it was: stopped or running, and with whatever
  /// system calls it is in.
  ///
  /// An agent that is there already takes its signals again, and the settings.
  ///
  /// - Returns: what the agent is called by.
  @discardableResult
  public func run(_ target: TargetFacts) throws(InjectFailure) -> InjectedAgent {
    let source = try AgentSource(agent)
    do throws(InjectFailure) { return try run(source, target) } catch {
      // What ends meanwhile refuses this and that on its way.
      let isSaid = error == .target(.zombie(target.pid))
      throw !isSaid && TargetFacts.isEnding(target.pid) ? .ended(target.pid) : error
    }
  }

  private func run(
    _ source: AgentSource, _ target: TargetFacts
  ) throws(InjectFailure) -> InjectedAgent {
    let facts = try InjectFacts.read(target)
    try facts.check(isBold: isBold)
    let loaded = target.hasAgent ? try loadedEntry(source, facts) : nil
    var failure = InjectFailure.target(.zombie(target.pid))
    for (tid, sample) in facts.threads().prefix(Self.threadLimit) {
      do throws(InjectFailure) {
        return try run(source, facts, tid, sample, loaded)
      } catch {
        failure = error
        switch error {
        case .doesNotStop, .ended: continue
        default: throw error
        }
      }
    }
    throw failure
  }

  /// Threads that are tried when one does not stop or ends.
  private static let threadLimit = 4

  private func run(
    _ source: AgentSource, _ facts: InjectFacts, _ tid: Int32, _ sample: ThreadSample,
    _ loaded: UInt64?
  ) throws(InjectFailure) -> InjectedAgent {
    let pid = facts.target.pid
    let tracee = try seize(tid, facts.target)
    try StoppedTask.reach(tracee, of: pid)
    return try work(consume tracee, source, pid, facts.maps, sample, loaded)
  }

  private func seize(_ tid: Int32, _ target: TargetFacts) throws(InjectFailure) -> SeizedThread {
    do throws(Errno) { return try SeizedThread(tid, waiting: injectPatience) } catch {
      switch error {
      case .noSuchProcess: throw .ended(tid)
      case .notPermitted, .accessDenied: throw .forbidden(PtraceRefusal(.read(target)))
      default: throw .step(.trace, error)
      }
    }
  }

  /// With the thread at rest.
  func work(
    _ tracee: consuming SeizedThread, _ source: AgentSource, _ pid: Int32, _ maps: [MapsLine],
    _ sample: ThreadSample, _ loaded: UInt64?
  ) throws(InjectFailure) -> InjectedAgent {
    // A main thread that has ended has no memory any more.
    let tid = tracee.tid
    let memory: TargetMemory
    do throws(Errno) { memory = try TargetMemory(tid) } catch {
      throw .step(.openMemory, error)
    }
    let place = try findPlace(memory, maps, pid)
    let stop = try StoppedTask.resumption(
      tracee, of: pid, memory, sample: sample, slot: place.address)
    let thread = try RemoteCall(
      consume tracee, consume memory, at: place, stop.resumption, mask: stop.mask)
    let result: Result<UInt32, InjectFailure>
    do throws(InjectFailure) {
      result = .success(try load(thread, source, tid, loaded))
    } catch {
      result = .failure(error)
    }
    thread.end()
    let taken = try result.get()
    let agent = InjectedAgent(
      hasTrigger: taken & CKPT_INJECTION_TRIGGER != 0,
      hasControl: taken & CKPT_INJECTION_CONTROL != 0)
    guard agent.hasTrigger || agent.hasControl else { throw .deaf(pid) }
    return agent
  }

  private func findPlace(
    _ memory: borrowing TargetMemory, _ maps: [MapsLine], _ pid: Int32
  ) throws(InjectFailure) -> ScratchPlace {
    for address in ScratchPlace.candidates(in: maps) {
      if let page = try? memory.read(address, count: 4096),
        let place = ScratchPlace(page: page, at: address)
      {
        return place
      }
    }
    throw .noPlace(pid)
  }

  // MARK: In the process

  private func load(
    _ thread: borrowing RemoteCall, _ source: AgentSource, _ tid: Int32, _ loaded: UInt64?
  ) throws(InjectFailure) -> UInt32 {
    let layout = InjectionMemory(settings: settings)
    let workspace = try thread.call(
      SyscallNumber.mmap, [0, layout.byteCount, 3, 0x22, UInt64.max, 0], for: .workspace)
    defer {
      _ = try? thread.call(SyscallNumber.munmap, [workspace, layout.byteCount], for: .workspace)
    }
    let entry: UInt64 =
      if let loaded {
        loaded
      } else {
        try AgentLoader(source: source, tid: tid).load(thread, workspace: workspace)
      }
    do throws(Errno) { try thread.memory.write(layout.record, at: workspace) } catch {
      throw .step(.writeMemory, error)
    }
    try thread.callFunction(
      entry, argument: workspace, area: workspace + layout.areaOffset,
      top: workspace + layout.byteCount)
    do throws(Errno) {
      let bytes = try thread.memory.read(workspace, count: MemoryLayout<ckpt_injection>.size)
      return value(ckpt_injection.self, in: bytes)?.result ?? 0
    } catch {
      throw .step(.runEntry, error)
    }
  }

  /// Where the entry of an agent is that was loaded from the same file.
  private func loadedEntry(
    _ source: AgentSource, _ facts: InjectFacts
  ) throws(InjectFailure) -> UInt64 {
    guard let base = facts.agentBase, source.isMapped(in: facts.target.shower, at: base) else {
      throw .otherAgent(facts.target.pid)
    }
    return base.lowerBound + source.file.entry
  }
}

/// What an agent that came into a running program is called by.
public struct InjectedAgent: Equatable, Sendable {
  /// The signal of CKPT_SIGNAL; else it is the program's own.
  public var hasTrigger: Bool

  /// The signal that `ckpt save` uses.
  public var hasControl: Bool
}

/// Memory that the process has for as long as it is worked on: what the agent's entry is told, an
/// area for vector registers, and a stack.
struct InjectionMemory: Equatable {
  let record: [UInt8]
  let areaOffset: UInt64
  let byteCount: UInt64

  /// The agent's entry reads the environment, and asks for memory for that: little stack.
  private static let stackByteCount: UInt64 = 64 << 10

  init(settings: [Setting], areaByteCount: UInt64 = vectorAreaByteCount()) {
    var strings: [UInt8] = []
    for setting in settings { strings += Array("\(setting.name)=\(setting.value)".utf8) + [0] }
    record =
      bytes(
        of: ckpt_injection(
          version: CKPT_INJECTION_VERSION, result: 0, setting_bytes: UInt64(strings.count)))
      + strings
    // A path is written to its front too.
    areaOffset = roundedUpToPage(UInt64(max(record.count, 4096)))
    byteCount = areaOffset + roundedUpToPage(areaByteCount) + Self.stackByteCount
  }
}

/// Bytes that XSAVE needs for all that the kernel has switched on.
///
/// Source: Intel SDM, CPUID leaf 0DH.
private func vectorAreaByteCount() -> UInt64 { UInt64(ckernel_cpuid(0xD, 0).b) }

extension InjectFacts {
  /// The addresses of the first piece of libckpt.so.
  var agentBase: Range<UInt64>? {
    maps.first { line in
      var name = line.name
      if name.hasSuffix(" (deleted)") { name.removeLast(10) }
      return name.hasSuffix("/libckpt.so")
    }?.range
  }
}

extension AgentSource {
  /// Whether the memory of the process at `range` is this very file's.
  ///
  /// Compared by content: it may have been copied, or come back from an image.
  func isMapped(in pid: Int32, at range: Range<UInt64>) -> Bool {
    let count = file.constantByteCount
    guard count > 0, let memory = try? TargetMemory(pid),
      let bytes = try? memory.read(range.lowerBound, count: count)
    else { return false }
    return hasPrefix(bytes)
  }
}
