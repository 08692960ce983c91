internal import BenchBoard
internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// A running `ckpt-bench-victim` that is our child.
final class VictimProcess {
  let child: StartedProgram
  let board: Board
  let size: UInt64
  private let boardPath: String
  private static let patience: UInt64 = 120

  var pid: Int32 { child.pid }

  /// Starts one and waits until its memory is full.
  ///
  /// - Parameters:
  ///   - size: bytes of its memory.
  ///   - threads: how many more than one.
  ///   - withAgent: whether the agent is loaded.
  ///   - file: where its agent saves to when nobody says where.
  ///   - refusesHugePages: whether its memory has to be of small pages, and asks for that where it would
  ///     get others. What is asked for comes back with the memory.
  init(
    size: UInt64, threads: Int = 0, withAgent: Bool = true, file: String? = nil,
    refusesHugePages: Bool = everybodyGetsHugePages(), _ programs: Programs
  ) throws(BenchFailure) {
    self.size = size
    boardPath = BoardFile.freshPath()
    board = try BoardFile.make(boardPath)
    // Not counted as a command: the answer says that it is ready.
    board.advance(.asked)
    child = try spawn(
      [programs.victim, String(size), boardPath, String(threads), refusesHugePages ? "1" : "0"],
      preload: withAgent ? programs.agent : nil, file: file)
    do throws(BenchFailure) { try awaitAnswer() } catch {
      end()
      throw error
    }
  }

  /// Ends it, and removes its board unless an image of it is to come back.
  func end(keepingBoard: Bool = false) {
    child.end()
    child.wait()
    if !keepingBoard { removeBoard() }
  }

  func removeBoard() {
    board.unmap()
    _ = try? HostFiles.remove(boardPath)
  }

  // MARK: Commands

  @discardableResult
  func ask(_ command: Command, _ first: UInt64 = 0, _ second: UInt64 = 0) throws(BenchFailure)
    -> UInt64
  {
    board[.command] = command.rawValue
    board[.first] = first
    board[.second] = second
    board.advance(.asked)
    try awaitAnswer()
    return board[.result]
  }

  private func awaitAnswer() throws(BenchFailure) {
    for _ in 0..<Self.patience * 10 {
      let answered = board.count(.answered)
      if answered == board.count(.asked) { return }
      board.wait(.answered, while: answered, nanoseconds: 100_000_000)
      if child.hasEnded { throw BenchFailure("the victim has ended") }
    }
    throw BenchFailure("the victim does not answer")
  }

  /// Nanoseconds that a bare fork(2) of it takes, as it sees it.
  func fork() throws(BenchFailure) -> UInt64 {
    let time = try ask(.fork)
    guard time > 0 else { throw BenchFailure("the victim can't fork") }
    return time
  }

  // MARK: Gaps

  /// Runs `body` while the victim watches the clock.
  ///
  /// - Returns: nanoseconds of the longest time that the victim did not run.
  func longestGap<R>(during body: () throws(BenchFailure) -> R) throws(BenchFailure) -> (R, UInt64)
  {
    startSpinning()
    defer { stopSpinning() }
    let result = try body()
    // The end of a gap is noted when the victim runs again.
    sleep(milliseconds: 3)
    return (result, board[.longestGap])
  }

  func startSpinning() {
    board[.isSpinning] = 1
    // The waiting victim looks at the word when it is woken.
    _ = try? ask(.wake)
    board[.longestGap] = 0
    board[.sumOfGaps] = 0
  }

  func stopSpinning() { board[.isSpinning] = 0 }
}
