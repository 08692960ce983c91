internal import CKernel
internal import Kernel
internal import KernelABI

/// The supervisor's part in a lazy restart.
///
/// It holds a reference to what keeps missing memory missing. So whoever is killed, the program
/// never sees memory that nobody brought: when the process that brings it ends before its time, the
/// program is ended too.
struct LazyWatch: BitwiseCopyable {
  /// The supervisor's end; -1: nothing is missing any more, or ever was.
  private(set) var channel: Int32 = -1
  private var fault: Int32 = -1

  /// A pidfd.
  private var pager: Int32 = -1

  /// The exit status that the pager has left; 0: none.
  private var status: Int32 = 0

  /// The program has forked while memory was missing.
  private var hasChildren = false

  /// Where the lines go that come once the program runs.
  var report: TraceReport?

  init() {}

  /// - Parameter channel: an end of a pair whose other end the pager gets.
  init(channel: Int32) { self.channel = channel }

  var isOver: Bool { pager < 0 }

  /// What has to stay open.
  subscript(index: Int) -> Int32 { index == 0 ? channel : index == 1 ? fault : pager }
  static let count = 3

  /// Takes over what came with the word that the program runs.
  mutating func begin() {
    guard channel >= 0, let message = LazyChannel.receive(on: channel) else { return end() }
    fault = message.first
    pager = message.second
  }

  /// Looks whether the pager has ended; if it did before its time, ends the program.
  mutating func look(after program: Int32) {
    guard pager >= 0, let event = Self.event(of: pager) else { return }
    listen()
    guard event != .exited(status: 0) else { return end() }
    mourn()
    // Whoever it has forked may miss memory too, and is to be found afterwards.
    if hasChildren { Orphans.adopt() }
    try? Process.send(Signal.kill, to: program)
  }

  /// How the supervisor ends when the program has ended like this.
  mutating func conclude(_ event: ChildEvent) -> ChildEvent {
    guard channel >= 0 else { return event }
    listen()
    reap()
    guard status != 0 else { return event }
    if hasChildren { Orphans.killAll() }
    return .exited(status: status)
  }

  /// The pager ends with the program, unless children of that need it; a tracer that is killed
  /// takes the program along.
  private mutating func reap() {
    guard pager >= 0 else { return }
    var poll = PollEntry(descriptor: pager)
    poll.wait(milliseconds: Self.patience)
    if case .killed = Self.event(of: pager) { mourn() }
  }

  /// Says what nobody else can have said.
  private mutating func mourn() {
    guard status == 0 else { return }
    status = 1
    RestartFailure(
      .failed, "the program had to be ended: the process that read its memory was killed"
    ).report()
  }

  /// How long to wait for that, ms.
  private static let patience = 500

  /// Takes what the pager has sent; descriptors of children's memory are kept as long as this
  /// process lives.
  private mutating func listen() {
    while let message = LazyChannel.receive(on: channel) {
      if message.first >= 0 { hasChildren = true }
      if message.status != 0 { status = message.status }
    }
  }

  private mutating func end() {
    report?.write()
    for index in 0..<Self.count where self[index] >= 0 { closeDescriptor(self[index]) }
    (channel, fault, pager) = (-1, -1, -1)
  }

  private static func event(of pager: Int32) -> ChildEvent? {
    guard
      let information = try? Wait.event(of: .descriptor(pager), .exited | .noHang),
      information.pid != 0
    else { return nil }
    return ChildEvent(
      code: information.code, status: Int32(truncatingIfNeeded: information.value))
  }
}

/// Processes that the program leaves behind.
enum Orphans {
  /// From now on they become children of this process.
  static func adopt() { Prctl.adoptOrphans() }

  /// Ends all children, and theirs.
  static func killAll() {
    while kill() { ChildProcess.reapAny() }
  }

  /// - Returns: whether there were any.
  ///
  /// Source: proc_pid_task_children(5).
  private static func kill() -> Bool {
    var text = InlineArray<512, UInt64>(repeating: 0)
    let found = try? withAddress(of: &text) { (start) throws(Errno) -> Bool in
      let file = try FileDescriptor("/proc/thread-self/children", .readOnly)
      let count = try file.readToEnd(to: start, capacity: 4096)
      let bytes = Memory.bytes(at: start, count: Int(count))
      var number: Int32 = 0
      var hasAny = false
      for index in 0..<Int(count) {
        let byte = bytes.byte(at: index)
        if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          number = number &* 10 &+ Int32(byte - UInt8(ascii: "0"))
        } else if number > 0 {
          try? Process.send(Signal.kill, to: number)
          number = 0
          hasAny = true
        }
      }
      return hasAny
    }
    return found ?? false
  }
}
