internal import CKernel
internal import Kernel
internal import KernelABI

/// The first process of a PID namespace, which has to stay as long as anyone is in it.
///
/// It reaps the orphans. It dies with the supervisor, and everyone in the namespace with it: so a
/// supervisor that is killed takes the program along, as it seems to be the program. But a program
/// that ends by itself may leave others running: then the supervisor calls `release` first.
struct NamespaceInit: BitwiseCopyable {
  /// As the supervisor sees it; 0: there is none.
  var pid: Int32 = 0

  /// A pipe that the init process holds open while it depends on the supervisor.
  private(set) var lifeline: Int32 = -1

  /// How long the supervisor waits for the init process's answer, ms.
  private static let patience = 1000

  /// - Precondition: the next child is the first of its namespace, and all signals are blocked.
  static func start() throws(Errno) -> NamespaceInit {
    let ends = try Pipes.make()
    let pid = try Process.fork()
    if pid == 0 { keep(ends.writer) }
    closeDescriptor(ends.writer)
    let namespaceInit = NamespaceInit(pid: pid, lifeline: ends.reader)
    guard namespaceInit.hears() else { throw .noChild }
    return namespaceInit
  }

  private init(pid: Int32, lifeline: Int32) {
    self.pid = pid
    self.lifeline = lifeline
  }

  init() {}

  /// For the program, which has nothing to do with it.
  func forget() {
    if lifeline >= 0 { closeDescriptor(lifeline) }
  }

  /// Lets the namespace live on for those who are in it besides the program.
  ///
  /// - Precondition: the program has ended, and was reaped.
  func release() {
    guard pid != 0 else { return }
    try? Process.send(Signal.terminate, to: pid)
    var poll = PollEntry(descriptor: lifeline)
    poll.wait(milliseconds: Self.patience)
    if poll.isReady, !hears() { ChildProcess.reapUntil(pid) }
  }

  /// Waits for the init process's byte: it stays.
  ///
  /// Without one, it has ended or is about to.
  private func hears() -> Bool {
    var byte: UInt8 = 0
    return (try? Files.read(lifeline, into: &byte)) == 1
  }

  // In the init process.

  private static func keep(_ lifeline: Int32) -> Never {
    let root: StaticString = "/"
    Prctl.setDeathSignal(Signal.kill)
    Prctl.setName("ckpt-init")
    try? Files.changeDirectory(path: root.address)
    Descriptors.closeAll(but: lifeline)
    guard say(on: lifeline) else { exitGroup(status: 1) }
    let wanted = Signal.bit(Signal.child) | Signal.bit(Signal.terminate)
    while SignalWait.next(of: wanted)?.signal != Signal.terminate { ChildProcess.reapAll() }
    leaveIfAlone()
    Prctl.setDeathSignal(0)
    _ = say(on: lifeline)
    closeDescriptor(lifeline)
    while true {
      _ = SignalWait.next(of: wanted, milliseconds: patience)
      leaveIfAlone()
    }
  }

  /// - Returns: whether the supervisor is there to read it.
  private static func say(on lifeline: Int32) -> Bool {
    let byte: StaticString = "."
    return (try? Files.write(lifeline, from: byte.address, byteCount: 1)) == 1
  }

  /// Ends when nobody else is in the namespace.
  ///
  /// Who entered it from outside is no child, and so is looked for.
  private static func leaveIfAlone() {
    ChildProcess.reapAll()
    // Everyone but the caller: kill(2).
    do throws(Errno) { try Process.send(0, to: -1) } catch { exitGroup(status: 0) }
  }
}
