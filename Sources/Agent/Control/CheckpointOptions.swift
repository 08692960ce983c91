internal import CImage

/// How one image is to be made: what `ckpt save` asked for, else what the environment says.
struct CheckpointOptions: BitwiseCopyable, Equatable {
  var writing: Configuration.Writing

  /// What is to be found out about changes, from this image on.
  var tracking: Configuration.Tracking

  /// All of the memory, even if a parent is there.
  var isFull: Bool
  var precopies: Bool
  var isThin: Bool

  /// A program that goes on from here when it is started; it has all of the memory.
  var isExecutable: Bool

  /// - Parameter flags: CKPT_REQUEST_ bits, 0 where nobody asked over the control socket.
  init(_ configuration: Configuration, flags: UInt32) {
    // Whoever ends or stops the process needs no clone that outlives it.
    let inPlace = CKPT_REQUEST_SYNC | CKPT_REQUEST_KILL | CKPT_REQUEST_FREEZE
    let isInPlace = flags & inPlace != 0
    writing = isInPlace ? .inPlace : configuration.writing
    let isIncremental = flags & CKPT_REQUEST_INCREMENTAL != 0
    tracking =
      isIncremental && configuration.tracking == .none ? .writes : configuration.tracking
    isFull = flags & CKPT_REQUEST_FULL != 0
    precopies = flags & CKPT_REQUEST_PRECOPY != 0 || configuration.precopies
    // Where a stream ends, other files may be: that it shall need them is asked for each time.
    let isStream = flags & CKPT_REQUEST_STREAM != 0
    isThin = flags & CKPT_REQUEST_THIN != 0 || configuration.isThin && !isStream
    isExecutable = flags & CKPT_REQUEST_EXECUTABLE != 0
    if isExecutable { standAlone() }
  }

  /// What has to need no other file is no part of a series, and leaves it as it is.
  private mutating func standAlone() {
    tracking = .none
    isFull = true
    precopies = false
    isThin = false
  }
}
