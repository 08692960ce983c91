internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The process that copies the program's memory to the image file while the program runs.
///
/// It reads through the program's /proc/PID/mem, under asynchronous write protection: what is
/// written meanwhile is found by the next round, and in the end little is left for the standstill. It
/// has nothing of the program's but three descriptors.
struct PrecopyProcess: ~Copyable {
  /// What it is made with.
  struct Job: BitwiseCopyable {
    var share: PrecopyShare
    var page: WriterStatus
    var program: Int32

    /// /proc/thread-self/mem and pagemap, opened by the program, and its userfaultfd.
    var memory: Int32
    var pagemap: Int32
    var tracker: Int32

    /// Whether the program never had protected memory before.
    var isFirst: Bool
    var scratch: Arena

    /// Where the image will be.
    var path: ImagePath

    /// What it copies to, -1: to a file that is to be the image.
    var stream: Int32

    /// Milliseconds that nobody reads the stream, until it has failed.
    var patience: Int
  }

  let job: Job

  /// `nil` where it copies to a stream.
  private let file: ImageOutput?
  private let fileNumber: Int32
  private let stream: PrecopyStream?
  private var scan: TrackScan
  private var scratch: Arena
  private let buffer: Address

  /// Up to where the disk has been told to write.
  private var started: UInt64

  private static let chunkByteCount: UInt64 = 1 << 20
  private static let roundLimit = 4

  /// A stream has as many as make it less, at most.
  private static let streamRoundLimit = 16

  /// With so few pages written in a round, another one would not make it fewer.
  private static let enough: UInt64 = 256

  /// With more than this part of all pages written in the last round, it is given up.
  private static let excessPart: UInt64 = 8

  /// Nanoseconds between two rounds while nobody asks, and how long that is waited for.
  private static let refreshInterval: UInt64 = 20_000_000
  private static let patience: UInt64 = 10_000_000_000

  /// It is to be noticed even less than others that compete for a processor.
  private static let niceness: Int32 = 5

  static func run(_ job: Job) -> Never {
    try? Scheduling.setNice(min(19, Scheduling.nice + niceness))
    let result: WriterStatus.Result
    do throws(Errno) {
      var precopy = try PrecopyProcess(job)
      job.page.enter(.copying)
      if let stream = precopy.stream {
        try precopy.sendAll(to: stream)
        try precopy.attendBehind(stream)
      } else {
        try precopy.copyAll()
        try precopy.attend()
      }
      result = .unknown
    } catch {
      result = .failed
    }
    end(job, result)
  }

  private static func end(_ job: Job, _ result: WriterStatus.Result) -> Never {
    // Who waits for an image shall have one without.
    job.page.finish(result, program: job.program)
    exitGroup(status: 0)
  }

  private init(_ job: Job) throws(Errno) {
    var scratch = job.scratch
    let buffer = try scratch.reserve(Self.chunkByteCount, alignment: pageByteCount)
    let scan = try TrackScan(
      job.tracker, pagemap: FileDescriptor(adopting: job.pagemap), &scratch)
    if job.stream >= 0 {
      stream = try PrecopyStream(job.stream, patience: job.patience)
      file = nil
      fileNumber = -1
    } else {
      let made = try ImageOutput.create(job.path, replaces: true, scratch: &scratch)
      guard made.isUnnamed else { throw .notSupported }
      fileNumber = made.number
      stream = nil
      file = consume made
    }
    job.share.fileNumber = fileNumber
    started = job.share.dataStart
    self.job = job
    self.buffer = buffer
    self.scan = scan
    self.scratch = scratch
  }

  // MARK: Rounds

  private mutating func copyAll() throws(Errno) {
    let share = job.share
    var round = try FirstRound(share, to: fileNumber, from: job.memory, &scratch)
    for index in 0..<share.regionCount {
      let region = share[region: index]
      guard let range = AddressRange(start: region.start, end: region.end) else { continue }
      // What can't be watched is left for the standstill.
      guard scan.protect(range, isFirst: job.isFirst) else { continue }
      let mark = scratch.next
      defer { scratch.rewind(to: mark) }
      var present = try PresentPages(job.pagemap, range, &scratch)
      while let run = try present.nextRun() { try copy(run, &round) }
    }
    try round.finish()
    started = share.dataEnd
    var written: UInt64 = 0
    for _ in 0..<Self.roundLimit {
      written = try copyWritten()
      if written <= Self.enough { return }
    }
    guard written < share.pageCount / Self.excessPart else { throw .tryAgain }
  }

  /// Copies to a stream, as long as each round brings less than the one before.
  private mutating func sendAll(to stream: PrecopyStream) throws(Errno) {
    let share = job.share
    try stream.begin(share)
    for index in 0..<share.regionCount {
      let region = share[region: index]
      guard let range = AddressRange(start: region.start, end: region.end),
        scan.protect(range, isFirst: job.isFirst)
      else { continue }
      let mark = scratch.next
      defer { scratch.rewind(to: mark) }
      var present = try PresentPages(job.pagemap, range, &scratch)
      while let run = try present.nextRun() { try copy(run) }
    }
    try stream.mark(CKPT_FRAME_ROUND)
    var last = UInt64.max
    for _ in 0..<Self.streamRoundLimit {
      let written = try copyWritten()
      try stream.mark(CKPT_FRAME_ROUND)
      if written <= Self.enough || written >= last { break }
      last = written
    }
  }

  /// Copies what was written since the last round.
  ///
  /// - Returns: how many pages.
  private mutating func copyWritten() throws(Errno) -> UInt64 {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    var tracked = try Tracked(in: &scratch)
    let share = job.share
    for index in 0..<share.regionCount {
      let region = share[region: index]
      guard let range = AddressRange(start: region.start, end: region.end) else { continue }
      _ = try scan.collect(range, into: &tracked)
    }
    for index in 0..<tracked.runs.count {
      let run = tracked.runs[index]
      if run.categories == Tracked.data { try copy(run.range) } else { setZero(run.range) }
    }
    return tracked.writtenByteCount / pageByteCount
  }

  // MARK: Copying

  private func copy(_ range: AddressRange, _ round: inout FirstRound) throws(Errno) {
    var position = range.start
    while position < range.end {
      let count = try round.copy(position, atMost: range.end - position)
      if count == 0 { try pass(position) }
      position = position + max(count, pageByteCount)
    }
  }

  /// A page that can't be read: there is no such memory any more, or no such program.
  private func pass(_ start: Address) throws(Errno) {
    try Process.send(0, to: job.program)
    if let page = AddressRange(start: start, byteCount: pageByteCount) { setZero(page) }
  }

  private mutating func copy(_ range: AddressRange) throws(Errno) {
    var rest: AddressRange? = range
    while let range = rest, !range.isEmpty {
      let part = Exclusions.list.part(of: range)
      if let part = AddressRange(start: range.start.rawValue, end: part.end.rawValue) {
        if Exclusions.list.part(of: part).isExcluded {
          setZero(part)
        } else {
          try copyWorthSaving(part)
        }
      }
      rest = AddressRange(start: part.end.rawValue, end: range.end.rawValue)
    }
  }

  private mutating func copyWorthSaving(_ range: AddressRange) throws(Errno) {
    var done: UInt64 = 0
    while done < range.byteCount {
      let wanted = min(Self.chunkByteCount, range.byteCount - done)
      let start = range.start + done
      let count =
        (try? Files.read(
          job.memory, to: buffer, byteCount: wanted, at: start.rawValue)) ?? 0
      let whole = count / pageByteCount * pageByteCount
      if whole == 0 {
        try pass(start)
        done += pageByteCount
      } else {
        try put(start, byteCount: whole)
        done += whole
      }
    }
  }

  private func setZero(_ range: AddressRange) {
    guard let first = job.share.page(at: range.start) else { return }
    for page in 0..<range.byteCount / pageByteCount { job.share.setZero(first + page) }
  }

  /// Writes the pages in the buffer to their places, and notes their digests.
  private mutating func put(_ start: Address, byteCount: UInt64) throws(Errno) {
    let share = job.share
    guard let first = share.page(at: start) else { return }
    var offset: UInt64 = 0
    var pending: (from: UInt64, filePage: UInt64, count: UInt64) = (0, 0, 0)
    while offset < byteCount {
      let bytes = buffer + offset
      let page = first + offset / pageByteCount
      if Memory.isZeroPage(at: bytes) {
        share.setZero(page)
      } else {
        let filePage = share.setHeld(page)
        Memory.store(
          XXH3.digest(Memory.bytes(at: bytes, count: Int(pageByteCount))),
          at: share.digest(of: filePage))
        if pending.count > 0, pending.filePage + pending.count == filePage,
          pending.from + pending.count * pageByteCount == offset
        {
          pending.count += 1
        } else {
          try write(pending.from, pending.filePage, pending.count, of: start)
          pending = (offset, filePage, 1)
        }
      }
      offset += pageByteCount
    }
    try write(pending.from, pending.filePage, pending.count, of: start)
  }

  /// - Parameter start: where in the program lies what the buffer begins with.
  private mutating func write(
    _ from: UInt64, _ filePage: UInt64, _ count: UInt64, of start: Address
  ) throws(Errno) {
    guard count > 0 else { return }
    if let stream {
      return try stream.put(count, from: buffer + from, of: start + from, to: filePage)
    }
    let place = job.share.offset(of: filePage)
    try Files.write(
      fileNumber, from: buffer + from, byteCount: count * pageByteCount, at: place)
    let end = job.share.dataEnd
    guard end - started >= 8 << 20 else { return }
    try? Files.startWriting(fileNumber, offset: started, byteCount: end - started)
    started = end
  }

  // MARK: Waiting for the standstill

  /// Says that little is left, and keeps it so until somebody asks for the image.
  ///
  /// Returns when the file is in other hands.
  private mutating func attend() throws(Errno) {
    let page = job.page
    guard hasRoomForHead() else { throw .outOfRange }
    let deadline = Clock.monotonic + Self.patience
    while true {
      page.enter(.ready)
      try page.callWaiting(of: job.program)
      page.stageWord.wait(
        while: WriterStatus.Stage.ready.rawValue, atMost: Self.refreshInterval)
      let ready = WriterStatus.Stage.ready.rawValue
      guard page.stageWord.exchange(ready, for: WriterStatus.Stage.copying.rawValue) else {
        return try handOver()
      }
      guard Clock.monotonic < deadline else { throw .timedOut }
      _ = try copyWritten()
    }
  }

  /// Says that little is left to be sent, and waits until somebody takes over.
  ///
  /// Who reads the stream asks at once: what is written until then comes with the image.
  private mutating func attendBehind(_ stream: PrecopyStream) throws(Errno) {
    let (ready, done) = (WriterStatus.Stage.ready.rawValue, WriterStatus.Stage.done.rawValue)
    let deadline = Clock.monotonic + Self.patience
    job.page.enter(.ready)
    try stream.mark(CKPT_FRAME_END)
    stream.close()
    while job.page.stage == .ready {
      guard Clock.monotonic < deadline else {
        if job.page.stageWord.exchange(ready, for: done) { throw .timedOut }
        break
      }
      job.page.stageWord.wait(while: ready, atMost: Self.refreshInterval)
      try Process.send(0, to: job.program)
    }
    try handOver()
  }

  /// Keeps the file open until whoever finishes it has it.
  private func handOver() throws(Errno) {
    let taken = WriterStatus.Stage.taken.rawValue
    let deadline = Clock.monotonic + Self.patience * 6
    while job.page.stage == .taken, Clock.monotonic < deadline {
      job.page.stageWord.wait(while: taken, atMost: Self.refreshInterval)
      try Process.send(0, to: job.program)
    }
  }

  /// Whether the runs that these pages make leave room for the rest of the head.
  private func hasRoomForHead() -> Bool {
    var runs: UInt64 = 0
    var last: UInt64?
    for page in 0..<job.share.pageCount {
      let holder = job.share.holder(of: page)
      if let holder, last != holder &- 1 { runs += 1 }
      last = holder
    }
    // A run takes 40 bytes, its program header 56; half of the room is for everything else.
    return runs * 96 < job.share.dataStart / 2
  }
}
