internal import BenchBoard
internal import CheckpointKit
internal import Kernel

/// A victim on its way back from an image, by `restart` or a peer.
struct RestartedVictim {
  let board: Board
  let start: UInt64
  private let awoken: UInt32

  /// Says on the board that from now on a gap is a restart.
  init(_ board: Board, readingAll: Bool) {
    self.board = board
    awoken = board.count(.awoken)
    board[.isSpinning] = 1
    board[.readsWhenAwake] = readingAll ? 1 : 0
    start = Clock.realtime
    board[.mark] = start
  }

  /// Waits until it runs, and has read all if it was to.
  ///
  /// - Returns: nanoseconds until its first instruction, and until all was read.
  func wait(for child: StartedProgram) throws(BenchFailure) -> (first: UInt64, all: UInt64) {
    for _ in 0..<1200 {
      if board.count(.awoken) != awoken {
        return (board[.awakeTime] - start, board[.readTime] - start)
      }
      board.wait(.awoken, while: awoken, nanoseconds: 100_000_000)
      if board.count(.awoken) == awoken, child.hasEnded { break }
    }
    throw BenchFailure("the program does not come back")
  }
}
