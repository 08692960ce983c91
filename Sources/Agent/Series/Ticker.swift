internal import CKernel
internal import Kernel
internal import KernelABI

/// Periodic checkpoints: a timer of the kernel that sends the agent its signal.
///
/// No thread, no descriptor. The timer goes off once and is armed again after each checkpoint, whoever
/// asked for it, so that never two are at once and the program always runs for an interval between
/// them. A forked child doesn't inherit timers (fork(2)) and so has no periodic checkpoints; a program
/// that execve(2) starts has its own, by its own agent.
struct Ticker: BitwiseCopyable {
  /// The timer's id, below 0: there is none.
  private var identifier: Int32 = -1

  /// The process whose timer it is: a forked child finds its parent's here.
  private var process: Int32 = 0

  /// The signal it sends.
  private var signal: Int32 = 0

  /// What the timer's signal carries; no pointer of a program looks so.
  static let value: UInt64 = 0x71C4_57C9_C4B7_0001

  /// The id that is asked for: the kernel then goes on from 0, and the program's own timers get
  /// the ids that they would have without us.
  ///
  /// Source: `kernel/time/posix-timers.c`, posix_timer_add, Linux 6.16.
  private static let wantedIdentifier = Int32.max

  private static let monotonicClock: Int32 = 1

  /// Whether a signal comes from the timer.
  static func isTick(_ info: ckernel_siginfo) -> Bool {
    info.code == Signal.timer && info.value == value
  }

  /// Whether an entry of /proc/self/timers is the agent's own.
  func owns(_ identifier: Int32, value: UInt64) -> Bool {
    identifier == self.identifier && value == Self.value
  }

  /// Makes the timer and arms it, if the settings say so.
  mutating func start() {
    process = Process.ownID
    identifier = -1
    arm()
  }

  /// After a restart: a program that had the timer has it again.
  ///
  /// - Parameter process: the ID that the process was saved with.
  mutating func wake(savedAs process: Int32) {
    guard self.process == process else { return }
    start()
  }

  /// Lets the timer go off once, in an interval from now; the one that was to come is put off.
  ///
  /// Stopped-world safe.
  mutating func arm() {
    let interval = Agent.state.configuration.interval
    guard interval > 0, process == Process.ownID else { return }
    do throws(Errno) {
      try choose()
      let time = timespec(Self.jittered(interval, by: try Random.word()))
      try Timers.setValue(
        ckernel_itimerspec(interval: ckernel_timespec(), value: time), of: identifier)
    } catch {
      Report.noTimer(error)
    }
  }

  /// A checkpoint begins: no tick shall come while it is on, and wait to be the next at once.
  ///
  /// Stopped-world safe.
  func rest() {
    guard identifier >= 0, process == Process.ownID else { return }
    _ = try? Timers.setValue(ckernel_itimerspec(), of: identifier)
  }

  /// Makes sure that there is a timer, and that its signal is still the agent's.
  private mutating func choose() throws(Errno) {
    let wanted =
      Self.isOurs(Configuration.controlSignal)
      ? Configuration.controlSignal : Agent.state.configuration.signal
    if identifier >= 0, signal == wanted { return }
    if identifier >= 0 { Timers.delete(identifier) }
    identifier = -1
    signal = wanted
    guard Self.isOurs(wanted) else { throw .busy }
    var event = ckernel_sigevent()
    event.value = Self.value
    event.signal = wanted
    let chooses = (try? Timers.setRestoresIdentifiers(true)) != nil
    defer { if chooses { _ = try? Timers.setRestoresIdentifiers(false) } }
    identifier = try Timers.create(
      clock: Self.monotonicClock, event, wanted: Self.wantedIdentifier)
  }

  private static func isOurs(_ signal: Int32) -> Bool {
    (try? Signal.action(of: signal))?.handler == Handler.address
  }

  /// An interval that is up to a twentieth shorter or longer: programs that were started together
  /// shall not all write at once for ever.
  ///
  /// - Parameter random: 64 random bits.
  static func jittered(_ interval: UInt64, by random: UInt64) -> UInt64 {
    let tenth = max(interval / 10, 1)
    return max(interval - tenth / 2 + random % tenth, 1)
  }
}
