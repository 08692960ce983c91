public import KernelABI

extension HelperProcess {
  /// Bytes that `runOrphan` needs.
  public static let orphanRoomByteCount: UInt64 = 2 * stackByteCount + 64

  private static let stackByteCount: UInt64 = 64 << 10

  /// What the maker is told, at the end of the room.
  fileprivate struct Orphan: BitwiseCopyable {
    /// The kernel clears it when the orphan has left our memory.
    var word: UInt32 = 1

    /// Why there is none.
    var error: Int32 = 0
    var body: UInt
    var argument: UInt64
    var stack: UInt64
  }

  /// Runs `body` in a process that is nobody's child, and returns when it has left our memory.
  ///
  /// Another one makes it and ends: so its end is no SIGCHLD and no wait(2) of the caller's, and its
  /// time is not that of the caller's children. Only a reaper (PID 1, PR_SET_CHILD_SUBREAPER) gets
  /// it as a child.
  ///
  /// - Parameters:
  ///   - room: two stacks and some words; aligned as a page.
  ///   - body: must end by `exitThread`, never return.
  public static func runOrphan(
    in room: AddressRange, _ body: @convention(c) (UInt64) -> Void, _ argument: Address
  ) throws(Errno) {
    let place = room.start + 2 * stackByteCount
    guard room.byteCount >= orphanRoomByteCount,
      let makerStack = AddressRange(
        start: room.start + stackByteCount, byteCount: stackByteCount)
    else { throw .outOfMemory }
    // Safe: the bits of a function's address, which becomes a function again below.
    let bits = unsafe unsafeBitCast(body, to: UInt.self)
    Memory.store(
      Orphan(body: bits, argument: argument.rawValue, stack: room.start.rawValue), at: place)
    reap(try start(Options(.untilEnd | .untraced, stack: makerStack), kernelMakeOrphan, place))
    let word = FutexWord(at: place, isShared: true)
    while word.value != 0 { word.wait(while: word.value) }
    let error = Memory.load(Orphan.self, at: place).error
    guard error == 0 else { throw Errno(rawValue: error) }
  }

  fileprivate static func makeOrphan(_ place: Address) {
    var orphan = Memory.load(Orphan.self, at: place)
    guard let stack = AddressRange(start: Address(orphan.stack), byteCount: stackByteCount) else {
      return
    }
    let body = unsafe unsafeBitCast(orphan.body, to: (@convention(c) (UInt64) -> Void).self)
    var options = Options(.untraced | .clearingWord, stack: stack)
    options.word = place
    do throws(Errno) {
      _ = try start(options, body, Address(orphan.argument))
    } catch {
      orphan.word = 0
      orphan.error = error.rawValue
      Memory.store(orphan, at: place)
    }
  }
}

/// Begins on its own stack, in the caller's memory; makes the orphan and ends.
@c(kernel_make_orphan)
func kernelMakeOrphan(_ place: UInt64) {
  HelperProcess.makeOrphan(Address(place))
  exitThread()
}
