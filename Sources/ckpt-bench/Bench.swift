internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// All measurements, one after another, and their tables.
struct Bench {
  let options: Options

  func run() throws(BenchFailure) {
    // A pipe of make's in the victim would keep it from being saved: close_range(2), to the end,
    // CLOSE_RANGE_CLOEXEC.
    _ = rawSystemCall(436, 3, Int(UInt32.max), 4)
    say(machineText())
    let places = [options.disk, options.memoryFolder].map { folder in
      Place(name: fileSystemName(of: folder), folder: folder)
    }
    for place in places { makeFolder(place.folder) }
    defer { for place in places { removeFolder(place.folder) } }
    if options.sections.contains("start") { try reportStartUp(places[0]) }
    if options.sections.contains("rest") { try reportIdle(places[0]) }
    if options.sections.contains("save") { try reportRoundTrips(places) }
  }

  private func say(_ text: String) { writeText(text, to: 1) }

  // MARK: At rest

  private func reportStartUp(_ place: Place) throws(BenchFailure) {
    let result = try StartUp(options, folder: place.folder)
    let added = result.with.median - result.without.median
    let lowest = result.with.min - result.without.min
    say(
      """

      Start of /bin/true, \(result.with.values.count) times each in turn (goal: at most 0.3 ms more)
        without the agent  \(decimal(result.without.median, 3)) ms \
      (lowest \(decimal(result.without.min, 3)))
        with the agent     \(decimal(result.with.median, 3)) ms \
      (lowest \(decimal(result.with.min, 3)))
        added              \(decimal(added, 3)) ms (lowest \(decimal(lowest, 3)))

      """)
    if let without = result.callsWithout, let with = result.callsWith {
      say("  system calls       \(without) without, \(with) with\n")
    } else {
      say("  system calls       not counted: no strace here\n")
    }
  }

  private func reportIdle(_ place: Place) throws(BenchFailure) {
    let idle = try Idle(options, folder: place.folder)
    say(
      """

      Memory of an idle program (goal: less than 1024 KiB)
        mappings of libckpt.so  resident \(idle.resident) KiB, its share \(idle.proportional) KiB, \
      written \(idle.dirty) KiB
        whole program           resident \(idle.growth) KiB more than without, \
      written \(idle.dirtyGrowth) KiB more

      """)
  }

  // MARK: Saving and bringing back

  private func reportRoundTrips(_ places: [Place]) throws(BenchFailure) {
    let hasGcore = (try? spawn(["gcore"]).wait()) != nil
    if !hasGcore { say("\n(gdb's gcore is not installed: left out)\n") }
    let loops: PlainLoops
    do throws(Errno) { loops = try PlainLoops() } catch {
      throw BenchFailure("no memory for the plain loops (errno \(error.rawValue))")
    }
    var trips: [RoundTrip] = []
    for place in places {
      for size in options.sizes {
        if let objection = place.objection(to: size) {
          say("\nleft out: \(byteCountText(size)) on \(place.name): \(objection)\n")
          continue
        }
        var trip = RoundTrip(options, place, loops, size: size)
        try trip.run(withGcore: hasGcore)
        trips.append(trip)
        say(".")
      }
    }
    say("\n" + Self.saveTable(trips) + Self.restartTable(trips))
    say("\nload at the end: \((try? CheckpointKit.Files.text(of: "/proc/loadavg")) ?? "")")
  }

  private static func speed(_ trip: RoundTrip, _ seconds: Series) -> String {
    decimal(Double(trip.imageByteCount) / seconds.median / 1e9, 2)
  }

  private static func milliseconds(_ seconds: Series) -> String {
    decimal(seconds.median * 1000, seconds.median < 0.1 ? 1 : 0)
  }

  private static func saveTable(_ trips: [RoundTrip]) -> String {
    var table = Table([
      "", "memory", "image", "write GB/s", "+fdatasync", "ckpt save", "of write+fdatasync",
      "of write alone", "pause ms", "wall ms", "gcore ms", "times",
    ])
    for trip in trips {
      table.add([
        trip.place.name, byteCountText(trip.size), byteCountText(trip.imageByteCount),
        speed(trip, trip.plainWrite), speed(trip, trip.plainDurable), speed(trip, trip.saved),
        trip.saveRatio.text(), trip.saveRatioBuffered.text(), milliseconds(trip.pause),
        milliseconds(trip.savedWall), milliseconds(trip.gcore), String(trip.saved.values.count),
      ])
    }
    return """

      Saving: until the image is safe on disk, against a plain loop of write(2) of as many bytes to \
      a new
      file in the same place (goal: 0.8 of its speed, with fdatasync(2), as the image is on disk too)
      Speeds, pause and gcore: medians; ratios: lowest / median / highest of the rounds

      """ + table.text
  }

  private static func restartTable(_ trips: [RoundTrip]) -> String {
    var table = Table(["", "memory", "read ms", "restart ms", "of plain read", "times"])
    for trip in trips {
      table.add([
        trip.place.name, byteCountText(trip.size), milliseconds(trip.plainRead),
        milliseconds(trip.restarted), trip.restartRatio.text(),
        String(trip.restarted.values.count),
      ])
    }
    return """

      Restart: from before `restart` is started until the program has run again, against a plain \
      loop of
      read(2) of the image, from the page cache, into fresh memory of small pages (goal: 0.8 of its \
      speed)

      """ + table.text
  }
}
