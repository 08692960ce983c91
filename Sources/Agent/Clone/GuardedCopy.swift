internal import CKernel
internal import Kernel
internal import KernelABI

/// Copies memory that may hold guard pages (MADV_GUARD_INSTALL), which must not be touched.
///
/// They are rare, and to ask the kernel of each page takes longer than the copy. So a helper copies,
/// which shares the memory but not the signal actions: where it is stopped by a fault, it ends.
/// Stopped-world safe.
enum GuardedCopy {
  fileprivate struct Job: BitwiseCopyable {
    var pieces: Table<Staging.Piece>

    /// Set when all is copied.
    var isDone: UInt32 = 0
  }

  /// - Returns: whether everything could be read.
  static func run(
    _ pieces: Table<Staging.Piece>, _ scratch: inout Arena
  ) throws(Errno) -> Bool {
    let place = try scratch.reserve(UInt64(MemoryLayout<Job>.stride))
    let byteCount = HelperProcess.orphanRoomByteCount
    let start = try scratch.reserve(byteCount, alignment: pageByteCount)
    guard let room = AddressRange(start: start, byteCount: byteCount) else { throw .outOfMemory }
    Memory.store(Job(pieces: pieces), at: place)
    if Clone.isReaper {
      HelperProcess.reap(
        try HelperProcess.start(
          HelperProcess.Options(.untilEnd | .untraced, stack: room), agentCopy, place))
    } else {
      // The copier is not our child: its time is not that of the program's children.
      try HelperProcess.runOrphan(in: room, agentCopy, place)
    }
    return Memory.load(Job.self, at: place).isDone != 0
  }

  fileprivate static let faults: InlineArray<2, Int32> = [Signal.bus, Signal.segmentation]
}

/// Begins on its own stack.
@c(agent_copy)
func agentCopy(_ place: UInt64) {
  // Not even as a zombie may it hold the program's process group.
  Process.makeSession()
  var job = Memory.load(GuardedCopy.Job.self, at: Address(place))
  var mask = UInt64.max
  var action = Handler.action
  action.handler = Handler.copyFault
  // Not on the alternate stack: the leader's signal frame may be there.
  action.flags &= ~Signal.onAlternateStack
  for index in GuardedCopy.faults.indices {
    _ = try? Signal.setAction(action, of: GuardedCopy.faults[index])
    mask &= ~Signal.bit(GuardedCopy.faults[index])
  }
  Signal.setMask(mask)
  for index in 0..<job.pieces.count {
    let piece = job.pieces[index]
    Memory.copy(
      from: Address(piece.start), to: Address(piece.place), byteCount: piece.end - piece.start)
  }
  job.isDone = 1
  Memory.store(job, at: Address(place))
  exitThread()
}

/// The helper met a page that can't be read.
@c(agent_copy_fault)
func agentCopyFault(_ signal: Int32, _ information: UInt64, _ context: UInt64) {
  exitThread(status: 1)
}
