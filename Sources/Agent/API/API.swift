internal import CAPI
internal import CImage
internal import Kernel
internal import KernelABI

/// What `ckpt.h` promises, with addresses as numbers.
///
/// Every function that changes something first calls `Trigger.forgetParent`: in a forked child the agent's state is the parent's. Values are
/// those of the header: CKPT_SAVED and the like, or a negative errno whose sentence `Sentences` has.
public enum API {
  // MARK: Checkpoints

  /// ckpt_checkpoint.
  public static func checkpoint(path: UInt64, options: UInt64) -> Int32 {
    let place = Address(options)
    let policy: CallPolicy
    do throws(Errno) { policy = try CallPolicy.read(at: place) } catch {
      return Sentences.note(
        error == .invalid ? .invalid : .tooLong,
        error == .invalid
          ? "no checkpoint: options.size is not that of struct ckpt_options; set it with CKPT_OPTIONS_INIT"
          : "no checkpoint: the options have parts that this agent doesn't know; use a newer libckpt.so"
      )
    }
    if let complaint = policy.complaint {
      var line = Line("no checkpoint: ")
      line.append(complaint)
      line.append(" (EINVAL)")
      return Sentences.note(.invalid, &line)
    }
    // No system call before it is known that it is time: many programs ask at every step.
    guard CallPolicy.take(policy, at: place) else { return CKPT_SKIPPED }
    return save(path: Address(path), policy.options, at: place)
  }

  private static func save(path: Address, _ options: CallOptions, at place: Address) -> Int32 {
    Trigger.forgetParent()
    var request = CallRun.Request(configuration: Agent.state.configuration)
    guard request.configuration.take(path: path, options) else {
      return Sentences.note(
        .nameTooLong, "no checkpoint: the path is longer than 1023 bytes; name a shorter one")
    }
    request.namesPath = path != .zero
    request.flags = requestFlags(options.flags)
    request.exitStatus = options.exitStatus
    request.label = Address(options.label)
    request.isAsynchronous = options.flags & CKPT_ASYNC != 0
    let patience = UInt64(Agent.state.configuration.timeoutSeconds) * 1_000_000_000
    if Deferral.isOn, Agent.deferrer.value == UInt32(bitPattern: OwnThread.identifier) {
      return Sentences.note(
        .deadlock, "no checkpoint: this thread defers checkpoints itself; call ckpt_allow first")
    }
    let result = run(request, deadline: Clock.monotonic + patience)
    if result == CKPT_SAVED || result == CKPT_RESTARTED { CallPolicy.countSaved(at: place) }
    return result
  }

  private static func requestFlags(_ flags: UInt32) -> UInt32 {
    var request: UInt32 = 0
    if flags & CKPT_SYNC != 0 { request |= CKPT_REQUEST_SYNC }
    if flags & CKPT_INCREMENTAL != 0 { request |= CKPT_REQUEST_INCREMENTAL }
    if flags & CKPT_FULL != 0 { request |= CKPT_REQUEST_FULL }
    if flags & CKPT_EXECUTABLE != 0 { request |= CKPT_REQUEST_EXECUTABLE }
    if flags & CKPT_EXIT != 0 { request |= CKPT_REQUEST_KILL }
    return request
  }

  private static var reentered: Int32 {
    Sentences.note(
      .deadlock,
      "no checkpoint: this thread is in the middle of one (a hook, or a signal handler that came in between); return first"
    )
  }

  /// - Parameter deadline: until when to wait for the end of deferrals.
  private static func run(_ request: CallRun.Request, deadline: UInt64) -> Int32 {
    do throws(Errno) { try CallRun.enter() } catch { return reentered }
    defer { CallRun.leave() }
    var call = CallRun(request)
    switch call.run(deadline: deadline) {
    case .saved: return CKPT_SAVED
    case .restarted: return CKPT_RESTARTED
    case .started: return CKPT_STARTED
    case .gone: return 0
    case .deferred:
      guard deadline > 0 else { return -Errno.tryAgain.rawValue }
      return Sentences.note(
        .timedOut,
        "no checkpoint: other threads deferred it all the time (ckpt_defer); call ckpt_allow there")
    case .failed(let errno): return Sentences.note(errno, textAt: Sentences.callPlace)
    }
  }

  /// ckpt_wait.
  public static func wait(nanoseconds: UInt64) -> Int32 {
    Trigger.forgetParent()
    let slot = CloneWord.asynchronous
    let (deadline, isEndless) = Clock.monotonic.addingReportingOverflow(nanoseconds)
    CallRun.awaitClone(slot: slot, until: isEndless ? .max : deadline)
    let word = Agent.state.waited[slot]
    switch word.state {
    case .none: return CKPT_SKIPPED
    case .writing: return CKPT_STARTED
    case .durable: return CKPT_SAVED
    case .lost: return CKPT_RESTARTED
    case .failed: return Sentences.note(word.errno, textAt: Sentences.asynchronousPlace)
    }
  }

  /// ckpt_strerror: the address of a text that ends with a NUL.
  public static func sentence(of error: Int32) -> UInt64 { Sentences.text(of: error).rawValue }

  public static var restarts: UInt32 { Agent.state.restarts }

  // MARK: What a restart was given

  /// ckpt_restart_argv: the address of the array, 0: there were no arguments.
  ///
  /// - Parameter count: where to put their number; 0: nowhere.
  public static func restartArguments(count: UInt64) -> UInt64 {
    let record = restartRecord
    if count != 0 { Memory.store(UInt32(truncatingIfNeeded: record.argc), at: Address(count)) }
    return record.argv
  }

  /// ckpt_restart_envp: likewise.
  public static var restartEnvironment: UInt64 { restartRecord.envp }

  private static var restartRecord: ckpt_restart_arguments {
    let address = Agent.state.restartArguments
    return address == 0 ? ckpt_restart_arguments() : Memory.load(at: Address(address))
  }

  // MARK: Not now

  /// ckpt_defer.
  public static func `defer`() -> Int32 {
    Trigger.forgetParent()
    Deferral.begin()
    return 0
  }

  /// ckpt_allow: with the last one, what waits is done.
  public static func allow() -> Int32 {
    Trigger.forgetParent()
    guard let left = Deferral.end() else {
      return Sentences.note(
        .invalid, "nothing to allow: ckpt_allow was called more often than ckpt_defer")
    }
    guard left == 0 else { return 0 }
    let own = UInt32(bitPattern: OwnThread.identifier)
    guard Agent.caller.value != own, Agent.leader.value != own else {
      Deferral.raiseWaiting()
      return 0
    }
    return carryOutWaiting()
  }

  private static func carryOutWaiting() -> Int32 {
    var result: Int32 = 0
    while true {
      let waiting = Deferral.next()
      var request = CallRun.Request(configuration: Agent.state.configuration)
      switch waiting {
      case .none: return result
      case .trigger: break
      case .request(let token): request.token = token
      }
      let one = run(request, deadline: 0)
      if one == -Errno.tryAgain.rawValue, Deferral.isOn {
        Deferral.putBack(waiting)
        return result
      }
      if one != 0 { result = one }
      if one == CKPT_RESTARTED { return one }
    }
  }

  // MARK: Hooks

  /// ckpt_on.
  public static func on(event: Int32, hook: UInt64, argument: UInt64) -> Int32 {
    Trigger.forgetParent()
    guard Hooks.isEvent(event), hook != 0 else {
      return Sentences.note(
        .invalid,
        "no hook: the event is none of CKPT_BEFORE, CKPT_RESUMED, CKPT_RESTARTED, or the function is NULL"
      )
    }
    guard let number = Hooks.add(event, function: hook, argument: argument) else {
      return Sentences.note(.noSpace, "no hook: 64 are registered; remove one with ckpt_off")
    }
    return number
  }

  /// ckpt_off.
  public static func off(_ number: Int32) -> Int32 {
    Trigger.forgetParent()
    guard Hooks.remove(number) else {
      return Sentences.note(.noSuchFile, "no such hook: give the number that ckpt_on returned")
    }
    return 0
  }

  // MARK: Memory

  /// ckpt_exclude, ckpt_include.
  public static func change(excludes: Bool, address: UInt64, byteCount: UInt64) -> Int32 {
    Trigger.forgetParent()
    let (end, overflows) = address.addingReportingOverflow(byteCount)
    guard !overflows, end <= 1 << 47 else {
      return Sentences.note(.invalid, "no such memory: it would reach beyond the address space")
    }
    // Excluded are pages wholly inside; included, all that are touched.
    let range =
      excludes
      ? AddressRange(
        start: Address(address).roundedUpToPage.rawValue,
        end: max(Address(end).roundedDownToPage, Address(address).roundedUpToPage).rawValue)
      : AddressRange(
        start: Address(address).roundedDownToPage.rawValue,
        end: Address(end).roundedUpToPage.rawValue)
    guard let range, excludes ? Exclusions.exclude(range) : Exclusions.include(range) else {
      return Sentences.note(
        .noSpace, "not excluded: 508 ranges are; exclude neighbours together, or include some again"
      )
    }
    return 0
  }
}

extension Configuration {
  /// Takes over the path and the number of images of a call.
  ///
  /// - Returns: false when the path is too long.
  fileprivate mutating func take(path: Address, _ options: CallOptions) -> Bool {
    if path != .zero {
      let count = TerminatedText.byteCount(at: path, limit: UInt64(Self.fileCapacity))
      guard count < UInt64(Self.fileCapacity) else { return false }
      for index in 0..<count {
        file[Int(index)] = Memory.load(UInt8.self, at: path + index)
      }
      fileByteCount = Int(count)
      // The series of the settings is that of their path.
      keep = 0
      interval = 0
      wasAskedForChanges = false
    }
    if options.keep > 0 { keep = options.keep }
    if options.flags & CKPT_INCREMENTAL != 0 { wasAskedForChanges = true }
    return true
  }
}
