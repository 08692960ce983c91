internal import CheckpointKit
internal import Kernel

/// Saves a victim by `ckpt save`, and measures what that is to it.
struct Saver {
  let programs: Programs
  let scratch: Scratch

  struct Result {
    let report: SaveResult

    /// Nanoseconds of the longest time that the victim did not run, and of the whole command.
    let gap: UInt64
    let wall: UInt64
  }

  /// - Parameter name: of the image in the scratch folder; one that is there is removed before.
  func save(
    _ victim: VictimProcess, _ options: [String], to name: String
  ) throws(BenchFailure) -> Result {
    scratch.remove(name)
    scratch.place.settle()
    // A companion writes only where the program itself may: to the agent's own file.
    let isOwn = options.contains("--precopy") && name == "image"
    let words =
      [programs.command, "save", "--json"] + (isOwn ? [] : ["-o", scratch.path(name)]) + options
      + [String(victim.pid)]
    let (wall, gap) = try victim.longestGap { () throws(BenchFailure) in
      let start = Clock.monotonic
      try spawn(words, output: scratch.path("output")).wait()
      return Clock.monotonic - start
    }
    let text = scratch.text("output")
    do throws(BenchFailure) {
      return Result(report: try SaveResult(json: text), gap: gap, wall: wall)
    } catch {
      throw BenchFailure("ckpt save \(options.joined(separator: " ")): \(text)")
    }
  }
}
