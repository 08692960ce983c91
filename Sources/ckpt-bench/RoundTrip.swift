internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// Saving and bringing back one victim, again and again, in turn with the plain loops.
struct RoundTrip {
  let options: Options
  let place: Place
  let loops: PlainLoops
  let size: UInt64

  private(set) var imageByteCount: UInt64 = 0

  /// Seconds.
  private(set) var plainWrite = Series()
  private(set) var plainDurable = Series()
  private(set) var saved = Series()
  private(set) var savedWall = Series()
  private(set) var pause = Series()
  private(set) var gcore = Series()
  private(set) var plainRead = Series()
  private(set) var restarted = Series()

  /// Speed relative to the plain loop of the same round.
  private(set) var saveRatio = Series()
  private(set) var saveRatioBuffered = Series()
  private(set) var restartRatio = Series()

  private var image: String { "\(place.folder)/image" }
  private var plain: String { "\(place.folder)/plain" }
  private var output: String { "\(place.folder)/output" }
  private var notes: String { "\(place.folder)/notes" }

  init(_ options: Options, _ place: Place, _ loops: PlainLoops, size: UInt64) {
    self.options = options
    self.place = place
    self.loops = loops
    self.size = size
  }

  mutating func run(withGcore: Bool) throws(BenchFailure) {
    defer { removeFiles() }
    let victim = try Victim(
      byteCount: size, preload: absolutePath("\(options.programs)/libckpt.so"),
      folder: place.folder, options)
    do throws(BenchFailure) {
      // Not counted: it says how large an image is, and warms up.
      imageByteCount = try save(victim).report.byteCount
      for round in 0..<options.repetitions(of: size) {
        if withGcore, round < (size > 1 << 30 ? 1 : 3) { try measureGcore(victim) }
        try measureSave(victim)
      }
    } catch {
      victim.end()
      throw error
    }
    victim.end()
    for _ in 0..<options.repetitions(of: size) { try measureRestart() }
  }

  private func removeFiles() {
    for path in [image, plain, output, notes, "\(place.folder)/pid"] {
      _ = try? CheckpointKit.Files.remove(path)
    }
  }

  // MARK: Saving

  private mutating func measureSave(_ victim: Victim) throws(BenchFailure) {
    try prepare(imageByteCount)
    let (written, durable) = try writePlain(imageByteCount)
    let (report, wall, pause) = try save(victim)
    plainWrite.add(Double(written) / 1e9)
    plainDurable.add(Double(durable) / 1e9)
    saved.add(Double(report.duration) / 1e9)
    savedWall.add(Double(wall) / 1e9)
    self.pause.add(Double(pause) / 1e9)
    saveRatio.add(Double(durable) / Double(report.duration))
    saveRatioBuffered.add(Double(written) / Double(report.duration))
  }

  /// Makes room, lets the disk come to rest, and has memory for a file of that size in place.
  ///
  /// Free memory of a virtual machine may have gone back to its host: the first to use it again
  /// pays up to ten times the price, whoever that is. So every timed step follows an untimed one
  /// that takes and gives back memory of the same kind.
  private func prepare(_ byteCount: UInt64) throws(BenchFailure) {
    _ = try? CheckpointKit.Files.remove(image)
    place.settle()
    _ = try writePlain(byteCount, durably: false)
    _ = try? CheckpointKit.Files.remove(plain)
    place.settle()
  }

  private func writePlain(
    _ byteCount: UInt64, durably: Bool = true
  ) throws(BenchFailure) -> (UInt64, UInt64) {
    do throws(Errno) {
      return try loops.write(byteCount, to: plain, durably: durably)
    } catch {
      throw BenchFailure("cannot write \(plain) (errno \(error.rawValue))")
    }
  }

  private func save(
    _ victim: Victim
  ) throws(BenchFailure) -> (report: SaveReport, wall: UInt64, pause: UInt64) {
    _ = try? CheckpointKit.Files.remove(plain)
    try prepare(max(imageByteCount, size))
    let moment = Clock.realtime
    let start = Clock.monotonic
    let child = try spawn(
      ["\(options.programs)/ckpt", "save", "--json", "-o", image, String(victim.pid)],
      output: output)
    child.wait()
    let wall = Clock.monotonic - start
    let text = (try? CheckpointKit.Files.text(of: output)) ?? ""
    let report = try SaveReport(json: text)
    sleep(milliseconds: 5)
    return (report, wall, victim.longestPause(since: moment))
  }

  private mutating func measureGcore(_ victim: Victim) throws(BenchFailure) {
    try prepare(imageByteCount)
    let start = Clock.monotonic
    let status = try spawn(["gcore", "-o", plain, String(victim.pid)], output: output).wait()
    let time = Clock.monotonic - start
    _ = try? CheckpointKit.Files.remove("\(plain).\(victim.pid)")
    guard status == 0 else { return }
    gcore.add(Double(time) / 1e9)
  }

  // MARK: Restart

  private mutating func measureRestart() throws(BenchFailure) {
    let read: UInt64
    do throws(Errno) {
      _ = try PlainLoops.read(image)
      read = try PlainLoops.read(image)
    } catch {
      throw BenchFailure("cannot read \(image) (errno \(error.rawValue))")
    }
    let pidFile = "\(place.folder)/pid"
    _ = try? CheckpointKit.Files.remove(pidFile)
    PlainLoops.warm(imageByteCount)
    let moment = Clock.realtime
    let child = try spawn(
      ["\(options.programs)/restart", "--pidfile", pidFile, image], output: output)
    let wake: UInt64
    do throws(BenchFailure) {
      wake = try Victim.wakeTime(after: moment, notes: notes)
    } catch {
      child.end()
      child.wait()
      throw BenchFailure(error.reason + ": " + ((try? CheckpointKit.Files.text(of: output)) ?? ""))
    }
    sleep(milliseconds: 5)
    let pid = (try? CheckpointKit.Files.text(of: pidFile)).flatMap { Int32($0.filter(\.isNumber)) }
    if let pid { endProcess(pid) } else { child.end() }
    child.wait()
    plainRead.add(Double(read) / 1e9)
    restarted.add(Double(wake - moment) / 1e9)
    restartRatio.add(Double(read) / Double(wake - moment))
  }
}
