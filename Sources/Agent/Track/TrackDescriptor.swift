internal import Kernel
internal import KernelABI

/// The userfaultfd that stays open in the program from one checkpoint to the next.
///
/// At a high number and close-on-exec, so that the program hardly meets it. It may still close it or
/// put something else in its place at any time: then nothing is protected any more, and the next
/// image is made without knowing what was written. A forked child has the number too, but it
/// protects its parent's memory.
enum TrackDescriptor {
  /// What is remembered of it, in the agent's state.
  struct Memo: BitwiseCopyable {
    var number: Int32 = -1

    /// The process whose memory it protects.
    var process: Int32 = 0

    /// Every userfaultfd has an inode of its own.
    var device: UInt64 = 0
    var inode: UInt64 = 0
  }

  /// Below this number it is looked for room, whatever the limit: the descriptor table of a process
  /// is as large as its highest number demands.
  private static let ceiling: UInt64 = 1024

  /// How many numbers are tried from the top.
  private static let attempts = 256

  /// The number, `nil` when there is none in this process, or it was lost.
  static var current: Int32? {
    let memo = Agent.state.tracker
    guard memo.process == Process.ownID, isOurs(memo) else { return nil }
    return memo.number
  }

  /// The number that is no descriptor of the program's, -1: none.
  static var hidden: Int32 {
    let memo = Agent.state.tracker
    return isOurs(memo) ? memo.number : -1
  }

  private static func isOurs(_ memo: Memo) -> Bool {
    guard memo.number >= 0, let status = try? FileStatus(of: memo.number) else { return false }
    return status.device == memo.device && status.inode == memo.inode
  }

  /// Opens one and notes it.
  ///
  /// - Throws: `tooManyOpen`, or what the kernel has against it.
  static func open() throws(Errno) -> Int32 {
    close()
    let file = try Userfaultfd.open()
    let status = try FileStatus(of: file.number)
    var number = raised(file.number)
    if number < 0 { number = file.relinquish() }
    Agent.state.tracker = Memo(
      number: number, process: Process.ownID, device: status.device, inode: status.inode)
    return number
  }

  /// The highest free number that can be had for it, -1: none is higher.
  private static func raised(_ number: Int32) -> Int32 {
    let limit = (try? ResourceLimit(ResourceLimit.openFiles))?.current ?? ceiling
    var candidate = Int32(min(limit, ceiling)) - 1
    for _ in 0..<attempts where candidate > number {
      if (try? Descriptors.flags(candidate)) == nil,
        let raised = try? Descriptors.duplicate(number, atLeast: candidate)
      {
        return raised
      }
      candidate -= 1
    }
    return -1
  }

  /// Closes it if it is still there: nothing is protected any more, unless this is a forked child.
  static func close() {
    if hidden >= 0 { closeDescriptor(hidden) }
    Agent.state.tracker = Memo()
  }

  /// In a forked child: lets go of what protects the parent's memory.
  static func dropInherited() {
    guard Agent.state.tracker.number >= 0, Agent.state.tracker.process != Process.ownID else {
      return
    }
    close()
  }
}
