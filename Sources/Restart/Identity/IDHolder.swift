internal import Kernel
internal import KernelABI
internal import Procfs

/// Who has a process or thread ID that is wanted.
enum IDHolder: Equatable, BitwiseCopyable {
  case nobody
  case someone
  /// On its way out: soon it is nobody's.
  case dying
  /// Dead, but its parent has not waited for it.
  case zombie

  /// Source: proc_pid_stat(5); `include/linux/sched.h`, PF_EXITING.
  init(_ stat: ProcessStat) {
    let isKilled = stat.pendingSignals & Signal.bit(Signal.kill) != 0
    let isExiting = isKilled || stat.flags & 0x4 != 0
    switch stat.state {
    case UInt8(ascii: "X"): self = .dying
    case UInt8(ascii: "Z"): self = stat.threadCount > 1 ? .dying : .zombie
    default: self = isExiting ? .dying : .someone
    }
  }

  /// Looks once.
  init(of id: Int32) {
    guard Birth.isTaken(id) else {
      self = .nobody
      return
    }
    self = Self.look(id) ?? .someone
  }

  /// How long to wait for one that is dying, and for the parent of a dead one, ns.
  private static let dyingPatience: UInt64 = 10_000_000_000
  private static let zombiePatience: UInt64 = 200_000_000

  /// Looks, and waits a while for one that is about to go.
  static func settled(of id: Int32) -> IDHolder {
    let start = Clock.monotonic
    while true {
      let holder = IDHolder(of: id)
      let waited = Clock.monotonic - start
      switch holder {
      case .nobody, .someone: return holder
      case .dying: if waited > dyingPatience { return .someone }
      case .zombie: if waited > zombiePatience { return .zombie }
      }
      var pause = PollEntry(descriptor: -1)
      pause.wait(milliseconds: 10)
    }
  }

  /// - Returns: `nil` where /proc does not tell.
  private static func look(_ id: Int32) -> IDHolder? {
    var path = Line("/proc/")
    path.append(decimal: UInt64(id))
    path.append("/stat")
    return try? path.withPath { (address) throws(Errno) in
      let file = try FileDescriptor(path: address, .readOnly)
      var text = InlineArray<1024, UInt8>(repeating: 0)
      return try withAddress(of: &text) { (start) throws(Errno) in
        let count = try file.readToEnd(to: start, capacity: 1024)
        guard let stat = ProcessStat(Memory.bytes(at: start, count: Int(count))) else {
          throw .invalid
        }
        return IDHolder(stat)
      }
    }
  }
}
