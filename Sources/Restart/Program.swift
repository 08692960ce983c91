internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The new process, from its first breath to the moment it becomes the program.
struct Program {
  let job: RestartJob

  /// What may end the process by a signal while it is brought back; the others wait.
  static let deadly =
    Signal.bit(Signal.hangUp) | Signal.bit(Signal.interrupt) | Signal.bit(Signal.quit)
    | Signal.bit(Signal.terminate)

  private var image: LoadedImage { job.image }

  /// Becomes the program, or says why not and exits.
  func run() -> Never {
    var descriptors = RestartDescriptors(sources: image.sources, status: job.status)
    descriptors.channel = job.channel
    descriptors.isExecutable = job.isExecutable
    descriptors.training = job.options.training
    do throws(RestartFailure) {
      try prepare(&descriptors)
    } catch {
      end(error, descriptors)
    }
    var sequence = RestoreSequence(job, descriptors)
    do throws(RestartFailure) {
      try sequence.run()
    } catch {
      end(error, sequence.descriptors)
    }
  }

  private func end(_ failure: RestartFailure, _ descriptors: RestartDescriptors) -> Never {
    trace("program: failed: %s (%e)", failure.what, failure.errno)
    failure.report(to: descriptors.errors >= 0 ? descriptors.errors : 2)
    exitGroup(status: failure.status.rawValue)
  }

  /// All but files and memory.
  private func prepare(_ descriptors: inout RestartDescriptors) throws(RestartFailure) {
    takePlace()
    if job.isDetached { leaveTerminal(&descriptors) }
    if job.isStaged { try leaveErrors(&descriptors) }
    if job.identity.hasNamespace { showProcesses() }
    descriptors.executable = openExecutable()
    Signal.setMask(~Self.deadly)
    if !job.isExecutable || image.executable?.startsInSavedDirectory == true {
      try enterDirectory()
    }
    ProcessAttributes.setUmask(image.process.umask)
  }

  /// Source: setpgid(2), setsid(2), credentials(7).
  private func takePlace() {
    switch job.place {
    case .shareGroup: break
    case .ownSession: Process.makeSession()
    case .ownGroup:
      Process.makeGroup()
      if job.isInFront { job.terminal.bringToFront(Process.ownID) }
    }
    job.terminal.close()
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
      if job.isDetached { try Descriptors.duplicate(1, to: 2, closeOnExec: false) }
      return number
    }
  }

  private func showProcesses() {
    do throws(Errno) {
      try Namespaces.mountProcesses()
    } catch {
      guard job.options.isVerbose else { return }
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
        if UnlinkedDirectory.isAt(address, byteCount: Int(name.byte_count), path: start) {
          return try UnlinkedDirectory.use { (path) throws(Errno) in
            try Files.changeDirectory(path: path)
          }
        }
        try Files.changeDirectory(path: start)
      }
    }
  }
}
