internal import Kernel
internal import KernelABI

/// The lines of the trace of this restart, which its processes share, for people.
///
/// `--trace` writes them to standard error, CKPT_TRACE appends them to a file: once the program runs, and
/// once all of its memory is there. `--verbose` shows the last ones when a restart has failed.
struct TraceReport: BitwiseCopyable {
  /// Lines that a failure shows.
  private static let lastCount: UInt64 = 12

  private let isWanted: Bool
  private let isVerbose: Bool

  /// The file, -1: none.
  private let file: Int32

  /// The next line to write.
  private var next: UInt64 = 0

  init(_ options: RestartOptions, _ arguments: Arguments) {
    isWanted = options.traces
    isVerbose = options.isVerbose
    file = Self.open(Self.path(arguments.environment))
  }

  /// The value of CKPT_TRACE, `nil`: it isn't there.
  private static func path(_ environment: Address) -> ByteString? {
    var place = environment
    while true {
      let word = Address(Memory.load(UInt64.self, at: place))
      guard word != .zero else { return nil }
      let text = ByteString(terminatedAt: word)
      if text.starts(with: "CKPT_TRACE=") {
        let value = text.dropping(11)
        return value.isEmpty ? nil : value
      }
      place = place + 8
    }
  }

  /// A file that can't be had is said once, and stops nothing.
  private static func open(_ path: ByteString?) -> Int32 {
    guard let path else { return -1 }
    do throws(Errno) {
      let file = try FileDescriptor(
        path: path.address,
        .writeOnly | .create | .append | .noControllingTerminal | .nonBlocking, mode: 0o600)
      return file.relinquish()
    } catch {
      var line = Line("restart: no trace: cannot write ")
      line.append(at: path.address, count: min(path.byteCount, 300))
      line.append(" (")
      line.append(error)
      line.append("); the restart goes on\n")
      line.write(to: 2)
      return -1
    }
  }

  /// What has to stay open, -1: nothing.
  var descriptor: Int32 { file }

  /// For the program, which has nothing to do with it.
  func forget() { if file >= 0 { closeDescriptor(file) } }

  /// Writes what has come since the last time.
  mutating func write() {
    guard isWanted || file >= 0 else { return }
    let file = file
    let isWanted = isWanted
    next = TraceLine.each(of: .own, from: next, zero: 0) { (line) in
      if file >= 0 { line.write(to: file) }
      if isWanted { Self.show(&line) }
    }
  }

  /// The restart has failed.
  mutating func fail() {
    if isVerbose, !isWanted {
      let count = TraceRing.own.count
      TraceLine.each(of: .own, from: count - min(count, Self.lastCount), zero: 0) { Self.show(&$0) }
    }
    write()
  }

  private static func show(_ line: inout Line) {
    var whole = Line("restart: trace: ")
    line.withText { whole.append(at: $0, count: $1) }
    whole.write(to: 2)
  }
}
