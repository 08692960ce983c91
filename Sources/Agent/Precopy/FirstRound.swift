internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Copies pages for the first time: they come one after another in the file, and so can go past the
/// page cache, which would take as much new memory as the program has.
struct FirstRound: ~Copyable {
  private let share: PrecopyShare
  private let file: Int32

  /// The program's memory.
  private let memory: Int32
  private var direct: DirectWrites

  /// Where pages are gathered: a stage of the direct writes, or `own` where there are none.
  private let own: Address
  private var stage: Address
  private var capacity: UInt64 = 0
  private var used: UInt64 = 0

  /// Which page of the file the first one in the stage is.
  private var first: UInt64 = 0

  private static let ownByteCount: UInt64 = 1 << 20

  /// - Parameters:
  ///   - file: the image; nothing is behind its head yet.
  ///   - memory: /proc/PID/mem of the program.
  init(
    _ share: PrecopyShare, to file: Int32, from memory: Int32, _ scratch: inout Arena
  ) throws(Errno) {
    let own = try scratch.reserve(Self.ownByteCount, alignment: pageByteCount)
    let byteCount = share.residentByteCount
    if WriteAhead.allocatesCheaply(file) {
      // What it may be unable to do, writing can.
      try? Files.allocate(file, offset: share.dataStart, byteCount: byteCount)
    }
    direct = DirectWrites(file, byteCount: byteCount, endsWithProcess: true)
    self.own = own
    stage = own
    self.share = share
    self.file = file
    self.memory = memory
  }

  /// Copies pages from a place in the program's memory.
  ///
  /// - Returns: of how many bytes, 0: there is no such memory.
  mutating func copy(_ start: Address, atMost byteCount: UInt64) throws(Errno) -> UInt64 {
    if used == capacity { try beginStage() }
    let count =
      (try? Files.read(
        memory, to: stage + used, byteCount: min(capacity - used, byteCount), at: start.rawValue))
      ?? 0
    let whole = count / pageByteCount * pageByteCount
    try keep(start, byteCount: whole)
    return whole
  }

  /// Keeps those pages at the end of the stage that hold something.
  private mutating func keep(_ start: Address, byteCount: UInt64) throws(Errno) {
    guard let page = share.page(at: start) else { return }
    let source = stage + used
    for index in 0..<byteCount / pageByteCount {
      let bytes = source + index * pageByteCount
      guard !Memory.isZeroPage(at: bytes) else {
        share.setZero(page + index)
        continue
      }
      let place = stage + used
      if place != bytes { Memory.copy(from: bytes, to: place, byteCount: pageByteCount) }
      let filePage = share.setHeld(page + index)
      guard filePage == first + used / pageByteCount else { throw .badAddress }
      Memory.store(
        XXH3.digest(Memory.bytes(at: place, count: Int(pageByteCount))),
        at: share.digest(of: filePage))
      used += pageByteCount
    }
  }

  private mutating func beginStage() throws(Errno) {
    try flush()
    stage = direct.isOn ? try direct.freeStage() : own
    capacity = stage == own ? Self.ownByteCount : direct.stageByteCount
    first = share.filePageCount
  }

  private mutating func flush() throws(Errno) {
    let count = used
    used = 0
    guard count > 0 else { return }
    let offset = share.offset(of: first)
    if stage == own {
      try Files.write(file, from: stage, byteCount: count, at: offset)
    } else {
      try direct.write(from: stage, byteCount: count, at: offset)
    }
  }

  /// Writes what is left, and gives back room in the file that was not needed.
  mutating func finish() throws(Errno) {
    try flush()
    capacity = 0
    try direct.finish()
    try? Files.setSize(file, share.dataEnd)
  }
}
