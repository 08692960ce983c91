internal import ArgumentParser
internal import CheckpointKit

/// How images are made, for all of a program's (`ckpt run`) or for one (`ckpt save`).
struct MannerOptions: ParsableArguments {
  @Flag(help: "Let the program stand still until the image is written, without a clone of it.")
  var sync = false

  @Flag(help: "After a full image, write only what changed since.")
  var incremental = false

  @Flag(help: "Copy most of the memory before the program stops.")
  var precopy = false

  @Flag(help: "Leave out pages that equal the file they come from; restart needs that file.")
  var thin = false

  var manner: SaveManner {
    var manner = SaveManner()
    manner.isInPlace = sync
    manner.isIncremental = incremental
    manner.precopies = precopy
    manner.isThin = thin
    return manner
  }

  /// The same for the agent of a program that is started.
  var settings: [Setting] {
    [
      ("CKPT_SYNC", sync), ("CKPT_INCREMENTAL", incremental), ("CKPT_PRECOPY", precopy),
      ("CKPT_THIN", thin),
    ].filter(\.1).map { Setting($0.0, "1") }
  }
}
