internal import Kernel
internal import KernelABI

/// A thread of the program, as its tracer knows it.
struct TracedThread: BitwiseCopyable {
  enum State: UInt8, BitwiseCopyable {
    case runs
    /// It waits for its tracer.
    case stands
    /// It is stopped by SIGSTOP or the like.
    case listens
  }

  let thread: Int32
  var state = State.runs

  /// To be delivered when it goes on; 0: none.
  var signal: Int32 = 0

  /// It stands at a call that has to wait until all memory is there.
  var isHeld = false

  /// It was asked to stop since it last stood.
  var isInterrupted = false

  /// Its system calls stop it.
  var isWatched = false

  /// What the call that it is in takes away when it succeeds.
  var taken = AddressRange.empty

  init(_ thread: Int32) { self.thread = thread }
}

/// The threads of the program.
struct TracedThreads: BitwiseCopyable {
  private(set) var table: Table<TracedThread>

  /// Where the last one was found: often the next is the same.
  private var last = 0

  init(_ table: Table<TracedThread>) { self.table = table }

  var count: Int { table.count }

  subscript(index: Int) -> TracedThread {
    get { table[index] }
    nonmutating set { table[index] = newValue }
  }

  /// The place of a thread, which may be a new one.
  ///
  /// - Throws: `Errno.outOfMemory` when there are too many.
  mutating func index(of thread: Int32) throws(Errno) -> Int {
    if let index = find(thread) { return index }
    return try table.append(TracedThread(thread))
  }

  mutating func remove(_ thread: Int32) {
    guard let index = find(thread) else { return }
    table[index] = table[table.count - 1]
    table = table.covering(table.count - 1)
  }

  private mutating func find(_ thread: Int32) -> Int? {
    if last < table.count, table[last].thread == thread { return last }
    for index in 0..<table.count where table[index].thread == thread {
      last = index
      return index
    }
    return nil
  }

  /// Whether all of them fulfil a condition.
  func all(_ condition: (TracedThread) -> Bool) -> Bool {
    for index in 0..<table.count where !condition(table[index]) { return false }
    return true
  }
}
