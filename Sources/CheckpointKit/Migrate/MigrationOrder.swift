public import KernelABI

/// A process to be moved, and where to.
public struct MigrationOrder: Equatable, Sendable {
  /// Which IDs it has over there.
  public enum IDs: Equatable, Sendable {
    /// The same: in a PID namespace of its own where they are taken.
    case same
    case `private`
    case fresh
  }

  public var target: TargetFacts

  /// The command and its options that reach the other machine, and the machine as it takes it.
  public var ssh = ["ssh"]
  public var destination: String

  /// The file of the program `restart` to be sent.
  public var restart: String
  public var ids = IDs.same

  /// Whether most of its memory goes over while it runs.
  public var precopies = false

  /// Where over there its standard output and error go, if they can't come along.
  public var output = "/dev/null"

  /// Paths that differ over there, `OLD=NEW` each, as `restart --map` takes them.
  public var map: [String] = []

  /// How the image goes, and whether the program stays attached to this command.
  public var link = LinkOrder()

  /// Nanoseconds in which a connection has to be there, passwords included.
  public var connectPatience: UInt64 = 120_000_000_000

  /// Nanoseconds without anything moving after which a side gives up.
  public var patience: UInt64 = 60_000_000_000

  public init(target: TargetFacts, destination: String, restart: String) {
    self.target = target
    self.destination = destination
    self.restart = restart
  }

  /// What the agent is asked for: it holds the process still, and decides nothing by itself for
  /// longer than both sides together may take.
  var saving: SaveOrder {
    var order = SaveOrder(target: target, patience: patience)
    order.kills = true
    var stream = StreamOrder(place: .standard)
    stream.patience.idle = Int(min(4 * patience / 1_000_000, 86_400_000)) + 10_000
    order.stream = stream
    return order
  }
}

/// A process that runs elsewhere now.
public struct Migrated: Equatable, Sendable {
  /// Its process ID over there.
  public var pid: Int32

  /// Of the image, or of what was left of it behind what was copied ahead.
  public var byteCount: UInt64 = 0

  /// Nanoseconds from the first thread that stood still to the word that it runs.
  public var downtime: UInt64 = 0

  /// Whether the original, stopped, is still there though it was killed.
  public var isOriginalLeft: Bool

  /// What went over while it ran.
  public var ahead = PrecopyTotals()

  /// Why nothing did though it was to; `nil`: it did, or was not to.
  public var obstacle: AgentFailure?

  /// What the program has ended with, when it was attached.
  public var status: Int32?
}

/// How far a migration was.
public enum MigrationPhase: Equatable, Sendable, CaseIterable {
  /// ssh finds the other machine and is let in.
  case connecting

  /// The program `restart` goes over.
  case preparing

  /// The process runs, and its memory goes over.
  case copying

  /// The process stands still, and its image goes over.
  case sending

  /// The other side puts everything in place.
  case placing

  /// It was told to let the process run.
  case starting
}

/// Why a process was not moved.
///
/// It goes on here as before, but for `undecided` and `cutOff`.
public enum MigrationFailure: Error, Equatable, Sendable {
  case save(SaveFailure)

  /// The program `restart` or `ckpt` here.
  case program(String, Errno)

  /// What reaches the other machine can't be started.
  case ssh(String, Errno)

  /// The connection ended; with the exit status of ssh, if it had one.
  case ended(MigrationPhase, status: Int32?)
  case timedOut(MigrationPhase, seconds: UInt64)
  case interrupted(MigrationPhase, signal: Int32)

  /// The other side has said that nothing of it runs there.
  case refused(MigrationPhase)

  /// The process does not stop.
  case unstoppable(Errno)

  /// The connection for the image can't be made.
  case link(StreamFailure)

  /// The connection ended while the program was attached: it runs there, and was told (SIGHUP).
  case cutOff(pid: Int32)

  /// It has been told to run over there, and nobody knows whether it does: here it is stopped.
  case undecided
}
