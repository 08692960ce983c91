internal import Kernel
internal import KernelABI

/// The threads that wait in calls which were made again; see `RemadeCall`.
///
/// They lie in libckpt.so's own data, and so come back with the program.
enum RemadeCalls {
  /// Threads that can be watched; the time-outs of others start over each time.
  static let capacity = 64

  /// The calling thread comes into the agent's handler.
  ///
  /// Stopped-world safe.
  static func arrive() {
    guard unsafe count > 0, let index = index(of: OwnThread.identifier) else { return }
    unsafe entries[index].waited = RemadeCall.waited(from: entries[index].since, to: .now())
    unsafe entries[index].since = .none
  }

  /// The calling thread is about to return from the handler.
  ///
  /// Stopped-world safe.
  static func leave() {
    guard unsafe count > 0, let index = index(of: OwnThread.identifier) else { return }
    unsafe entries[index].waited = 0
    unsafe entries[index].since = .now()
  }

  /// Nanoseconds that the thread had waited when it was interrupted, 0: not known.
  static func waited(_ thread: Int32) -> UInt64 {
    index(of: thread).map { unsafe entries[$0].waited } ?? 0
  }

  /// Nanoseconds that the thread had waited in its call in earlier turns, by `note`.
  static func earlier(_ thread: Int32) -> UInt64 {
    index(of: thread).map { unsafe entries[$0].earlier } ?? 0
  }

  static func note(earlier: UInt64, of thread: Int32) {
    if let index = index(of: thread) { unsafe entries[index].earlier = earlier }
  }

  /// Whether there may be any thread that is watched.
  static var areWatched: Bool { unsafe count > 0 }

  static func isWatched(_ thread: Int32) -> Bool { index(of: thread) != nil }

  /// Watches a thread from now on; for the leader, when all are parked.
  ///
  /// - Returns: false when there is no room.
  static func watch(_ thread: Int32) -> Bool {
    if index(of: thread) != nil { return true }
    guard let free = index(of: 0) else { return false }
    unsafe entries[free] = RemadeCall(thread: thread)
    unsafe count = max(count, free + 1)
    return true
  }

  /// Makes room of threads that are gone; for the leader, when all are parked.
  static func drop(where isGone: (Int32) -> Bool) {
    for index in unsafe 0..<count where unsafe entries[index].thread != 0 {
      if isGone(unsafe entries[index].thread) { unsafe entries[index] = RemadeCall() }
    }
  }

  private static func index(of thread: Int32) -> Int? {
    // A thousand threads look here in every stop.
    let end = unsafe thread == 0 ? capacity : count
    for index in 0..<end where unsafe entries[index].thread == thread { return index }
    return nil
  }
}

/// Safe because only the leader makes and drops entries, with all threads parked; otherwise each
/// thread changes its own alone.
nonisolated(unsafe) private var entries = InlineArray<64, RemadeCall>(repeating: RemadeCall())

/// Entries that were ever in use: none, and nobody looks.
nonisolated(unsafe) private var count = 0
