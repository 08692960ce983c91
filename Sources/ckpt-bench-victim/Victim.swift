internal import BenchBoard
internal import CKernel
internal import Kernel
internal import KernelABI

/// The main thread: sleeps or spins until it is asked for something.
struct Victim {
  let board: Board
  let pages: Pages
  private let time = TimeStamps()
  private var dirtying = SteadyDirtying()

  init(board: Board, memory: AddressRange) {
    self.board = board
    pages = Pages(memory: memory)
  }

  mutating func run() -> Never {
    while true {
      let answered = board.count(.answered)
      if board.count(.asked) != answered {
        perform()
        board.advance(.answered)
      } else if board[.isSpinning] != 0 {
        spin(while: answered)
      } else {
        board.wait(.asked, while: answered)
      }
    }
  }

  // MARK: Watching the clock

  /// Looks at the processor's counter again and again, so that no moment is missed in which the
  /// program did not run.
  private mutating func spin(while answered: UInt32) {
    let least = time.counts(nanoseconds: 20_000)
    var last = TimeStamps.now
    repeat {
      let now = TimeStamps.now
      if now &- last > least {
        note(time.nanoseconds(now &- last))
        last = TimeStamps.now
      } else {
        last = now
      }
      dirtying.step(at: now, pages)
      ckernel_pause()
    } while board.count(.asked) == answered && board[.isSpinning] != 0
  }

  private func note(_ gap: UInt64) {
    let end = Clock.realtime
    let mark = board[.mark]
    guard mark > 0, mark < end, end - mark < gap else {
      board[.longestGap] = max(board[.longestGap], gap)
      board[.sumOfGaps] += gap
      return
    }
    board[.awakeTime] = end
    if board[.readsWhenAwake] != 0 { board[.second] = pages.readAll() }
    board[.readTime] = Clock.realtime
    board[.mark] = 0
    board.advance(.awoken)
  }

  // MARK: Commands

  private mutating func perform() {
    let (first, second) = (board[.first], board[.second])
    let start = TimeStamps.now
    switch Command(rawValue: board[.command]) {
    case .fork:
      board[.result] = fork()
      return
    case .dirty: board[.second] = pages.dirty(share: first, seed: second)
    case .readAll: board[.second] = pages.readAll()
    case .keepDirtying:
      dirtying = SteadyDirtying(
        rate: first, hotPages: second, countsPerSecond: time.counts(nanoseconds: 1_000_000_000))
    case .chore:
      if let chore = Chore(rawValue: first) { perform(chore, times: second) }
    case .wake, nil: break
    }
    board[.result] = time.nanoseconds(TimeStamps.now &- start)
  }

  /// Source: fork(2); the child does nothing but end.
  private func fork() -> UInt64 {
    let start = TimeStamps.now
    let child = rawSystemCall(SyscallNumber.fork)
    if child == 0 { exitGroup(status: 0) }
    let end = TimeStamps.now
    guard child > 0 else { return 0 }
    _ = rawSystemCall(SyscallNumber.wait4, child, 0, 0, 0)
    return time.nanoseconds(end &- start)
  }
}
