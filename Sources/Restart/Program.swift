internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The new process, from its first breath to the moment it becomes the program.
struct Program {
  let image: LoadedImage
  let identity: Identity
  let job: JobPlan
  let terminal: Terminal
  let isInFront: Bool
  let isDetached: Bool
  let isVerbose: Bool
  let own: AddressRange
  let status: Int32
  let laziness: RestartOptions.Laziness
  let arguments: ProgramArguments

  /// Where the pages are listed that the program touches, -1: nowhere.
  let training: Int32

  /// It is started like any program: in the caller's directory, with the caller's standard streams.
  let isExecutable: Bool

  /// What the program writes does not go where `restart` says what goes wrong.
  let isStaged: Bool

  /// To the supervisor of a lazy or a staged restart, -1: it isn't one.
  let channel: Int32

  /// What may end the process by a signal while it is brought back; the others wait.
  static let deadly =
    Signal.bit(Signal.hangUp) | Signal.bit(Signal.interrupt) | Signal.bit(Signal.quit)
    | Signal.bit(Signal.terminate)

  /// What the restore of descriptors may need: tables of the image's files and objects, pieces of
  /// contents.
  ///
  /// Only what is used takes memory.
  static let arenaByteCount: UInt64 = 1 << 28

  /// Becomes the program, or says why not and exits.
  func run() -> Never {
    var descriptors = RestartDescriptors(sources: image.sources, status: status)
    descriptors.channel = channel
    descriptors.isExecutable = isExecutable
    descriptors.training = training
    do throws(RestartFailure) {
      takePlace()
      if isDetached { leaveTerminal(&descriptors) }
      if isStaged { try leaveErrors(&descriptors) }
      if identity.hasNamespace { showProcesses() }
      descriptors.executable = openExecutable()
      Signal.setMask(~Self.deadly)
      try bringBack(&descriptors)
    } catch {
      error.report(to: descriptors.errors >= 0 ? descriptors.errors : 2)
      exitGroup(status: error.status.rawValue)
    }
  }

  private func bringBack(_ descriptors: inout RestartDescriptors) throws(RestartFailure) -> Never {
    if !isExecutable || image.executable?.startsInSavedDirectory == true { try enterDirectory() }
    ProcessAttributes.setUmask(image.process.umask)
    if let stream = image.stream {
      try StreamRestore.run(
        image, stream, handoff(descriptors), arguments, &descriptors)
    }
    var arena = try during("cannot get memory for the restart") { () throws(Errno) in
      try Arena(mapping: Self.arenaByteCount)
    }
    let objects = try DescriptorRestore.run(image, keeping: &descriptors, in: &arena)
    try MemoryRestore.run(
      image, handoff(descriptors), objects: objects, arguments: arguments, lazily: laziness,
      isExecutable: isExecutable, channel: descriptors.channel, training: descriptors.training,
      notes: descriptors.errors)
  }

  /// What the agent must be told; `MemoryRestore.run` completes it.
  private func handoff(_ descriptors: RestartDescriptors) -> ckpt_handoff {
    var handoff = ckpt_handoff()
    handoff.version = CKPT_HANDOFF_VERSION
    if identity.isFresh { handoff.flags |= CKPT_HANDOFF_FRESH_PIDS }
    if identity.hasUserNamespace { handoff.flags |= CKPT_HANDOFF_PRIVATE_PIDS }
    handoff.own_start = own.start.rawValue
    handoff.own_end = own.end.rawValue
    handoff.status_descriptor = descriptors.status
    handoff.executable_descriptor = descriptors.executable
    if !identity.hasClocks { handoff.monotonic_shift = Clocks.shift(since: image.image) }
    return handoff
  }

  /// Source: setpgid(2), setsid(2), credentials(7).
  private func takePlace() {
    switch job {
    case .shareGroup: break
    case .ownSession: Process.makeSession()
    case .ownGroup:
      Process.makeGroup()
      if isInFront { terminal.bringToFront(Process.ownID) }
    }
    terminal.close()
  }

  /// What it writes still comes to the terminal, but it does not read what is typed for others.
  private func leaveTerminal(_ descriptors: inout RestartDescriptors) {
    descriptors.takesTerminal = false
    guard (try? Terminals.modes(0)) != nil else { return }
    guard let null = try? FileDescriptor("/dev/null", .readOnly) else { return }
    try? Descriptors.duplicate(null.number, to: 0, closeOnExec: false)
  }

  /// Says what goes wrong where it did so far; the program's errors go where its output goes, unless
  /// somebody stays with it.
  private func leaveErrors(_ descriptors: inout RestartDescriptors) throws(RestartFailure) {
    descriptors.errors = try during("cannot put the standard streams aside") { () throws(Errno) in
      let number = try Descriptors.duplicate(2, atLeast: 3)
      if isDetached { try Descriptors.duplicate(1, to: 2, closeOnExec: false) }
      return number
    }
  }

  private func showProcesses() {
    do throws(Errno) {
      try Namespaces.mountProcesses()
    } catch {
      guard isVerbose else { return }
      var line = Line("restart: the program keeps the /proc of the outside, with other IDs (")
      line.append(error)
      line.append(")\n")
      line.write(to: 2)
    }
  }

  /// - Returns: -1 when there is none any more; /proc/PID/exe then shows something else.
  private func openExecutable() -> Int32 {
    let name = image.process.executable
    guard name.byte_count > 0 else { return -1 }
    do throws(Errno) {
      var path = PathBuffer()
      try path.append(from: image.address(of: name), byteCount: Int(name.byte_count))
      return try path.withPath { (start) throws(Errno) in
        try FileDescriptor(path: start, .readOnly).relinquish()
      }
    } catch {
      return -1
    }
  }

  private func enterDirectory() throws(RestartFailure) {
    let name = image.process.directory
    guard name.byte_count > 0 else { return }
    let address = image.address(of: name)
    try during(
      "cannot enter the program's working directory",
      hint: "make it again, or another one in its place", name: address,
      nameByteCount: Int(name.byte_count)
    ) { () throws(Errno) in
      var path = PathBuffer()
      try path.append(from: address, byteCount: Int(name.byte_count))
      try path.withPath { (start) throws(Errno) in
        try Files.changeDirectory(path: start)
      }
    }
  }
}
