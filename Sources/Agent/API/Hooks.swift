internal import CAPI
internal import Kernel
internal import KernelABI

/// What the program wants to be called for: before a checkpoint, after it, and after a restart.
///
/// A table of 64 in the agent's own data, so it is in the image. Hooks run outside of the stopped world.
enum Hooks {
  struct Entry: BitwiseCopyable {
    var event: Int32
    var number: Int32
    var function: UInt64
    var argument: UInt64
  }

  enum Event: Int32 { case before = 4, resumed = 5, restarted = 2 }

  static let capacity = 64
  private static let inHandler = CKPT_IN_HANDLER

  private static var count: Int {
    get { Int(Memory.load(UInt32.self, at: Agent.hookTable)) }
    set { Memory.store(UInt32(newValue), at: Agent.hookTable) }
  }

  private static func place(_ index: Int) -> Address {
    Agent.hookTable + 16 + UInt64(index * MemoryLayout<Entry>.stride)
  }

  // MARK: The table

  /// - Returns: the hook's number, `nil`: the table is full.
  static func add(_ event: Int32, function: UInt64, argument: UInt64) -> Int32? {
    ShortLock.with(Agent.tables) {
      guard count < capacity else { return nil }
      let number = Memory.load(Int32.self, at: Agent.hookTable + 8) + 1
      Memory.store(number, at: Agent.hookTable + 8)
      Memory.store(
        Entry(event: event, number: number, function: function, argument: argument),
        at: place(count))
      count += 1
      return number
    }
  }

  /// - Returns: false when there is no hook with that number.
  static func remove(_ number: Int32) -> Bool {
    ShortLock.with(Agent.tables) {
      var index = 0
      while index < count, entry(index).number != number { index += 1 }
      guard index < count else { return false }
      for later in index + 1..<max(count, index + 1) {
        Memory.store(entry(later), at: place(later - 1))
      }
      count -= 1
      return true
    }
  }

  static func isEvent(_ event: Int32) -> Bool { Event(rawValue: event & ~inHandler) != nil }

  private static func entry(_ index: Int) -> Entry { Memory.load(at: place(index)) }

  // MARK: Running

  /// Runs the hooks of an event in their order: what comes before a checkpoint, the last one first.
  ///
  /// - Parameter onlyInHandler: where the thread is in a signal handler, which the program did not
  ///   expect: only those that say that they can run there.
  static func run(_ event: Event, onlyInHandler: Bool = false) {
    guard count > 0 else { return }
    var copies = InlineArray<64, Entry>(
      repeating: Entry(event: 0, number: 0, function: 0, argument: 0))
    // A hook may remove itself, or others.
    let found = ShortLock.with(Agent.tables) {
      for index in 0..<count { copies[index] = entry(index) }
      return count
    }
    for step in 0..<found {
      let entry = copies[event == .before ? found - 1 - step : step]
      guard entry.event & ~inHandler == event.rawValue,
        !onlyInHandler || entry.event & inHandler != 0
      else { continue }
      Handler.callHook(entry.function, argument: entry.argument)
    }
  }
}
