internal import BenchBoard
internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// Files that hold boards: in memory, so that no disk makes a victim wait.
enum BoardFile {
  static func freshPath() -> String {
    "/dev/shm/ckpt-bench-board.\(Kernel.Process.ownID).\(Clock.monotonic)"
  }

  static func make(_ path: String) throws(BenchFailure) -> Board {
    do throws(Errno) {
      let file = try HostFiles.open(
        path, .readWrite | .create | .exclusive, mode: 0o600)
      try Files.setSize(file.number, Board.byteCount)
      return try Board(descriptor: file.number)
    } catch {
      throw BenchFailure("cannot make \(path) (errno \(error.rawValue))")
    }
  }
}
