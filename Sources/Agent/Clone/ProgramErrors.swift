internal import Kernel
internal import KernelABI

/// The program's standard error, for a clone that must not hold it open.
///
/// Whoever reads from a pipe or a terminal waits for the last writer to go away. So those are opened
/// again when there is something to say; a file or a socket is kept.
struct ProgramErrors: BitwiseCopyable {
  private let program: Int32

  /// The descriptor to keep, -1: none.
  let kept: Int32

  init(of program: Int32) {
    self.program = program
    switch (try? FileStatus(of: 2))?.kind {
    case .regular, .socket: kept = 2
    default: kept = -1
    }
  }

  /// The leader's own.
  static let own = ProgramErrors()
  private init() {
    program = 0
    kept = 2
  }

  /// Writes a line; nothing when nobody would hear it.
  func write(_ line: inout Line) {
    guard kept < 0 else { return line.write(to: kept) }
    var path = Line("/proc/")
    path.append(decimal: UInt64(program))
    path.append("/fd/2")
    guard
      let file = try? path.withPath({ (path) throws(Errno) in
        try FileDescriptor(path: path, .writeOnly | .noControllingTerminal | .nonBlocking)
      })
    else { return }
    line.write(to: file.number)
  }
}
