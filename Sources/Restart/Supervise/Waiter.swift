internal import Kernel
internal import KernelABI

/// `--detach`: the process that the user started, waiting to hear how it went.
struct Waiter: BitwiseCopyable {
  /// Where to tell; -1: nobody waits.
  private var input: Int32 = -1

  init() {}

  var isThere: Bool { input >= 0 }

  /// Forks: the child goes on in a session of its own, the parent exits as it is told.
  static func leave() throws(RestartFailure) -> Waiter {
    let pipe = try during("cannot make a pipe") { () throws(Errno) in try Pipes.make() }
    let pid = try during("cannot start a process") { () throws(Errno) in try Process.fork() }
    if pid == 0 {
      closeDescriptor(pipe.reader)
      Process.makeSession()
      var waiter = Waiter()
      waiter.input = pipe.writer
      return waiter
    }
    closeDescriptor(pipe.writer)
    // Whoever ends the waiting does not end the program.
    Signal.setMask(0)
    exitGroup(status: hear(pipe.reader))
  }

  /// - Returns: 1 when the other has gone without a word.
  private static func hear(_ descriptor: Int32) -> Int32 {
    var status: Int32 = 1
    return (try? Files.read(descriptor, into: &status)) == 4 ? status : 1
  }

  /// Lets the waiting process exit.
  func tell(_ status: Int32) {
    guard input >= 0 else { return }
    _ = try? Files.write(input, status)
    closeDescriptor(input)
  }

  /// For the program, which has nothing to do with it.
  func forget() {
    if input >= 0 { closeDescriptor(input) }
  }
}
