internal import Kernel

/// Numbers that `restart` itself still needs while the program's descriptors are put in place.
///
/// `DescriptorRestore.makeRoom` moves them above the program's highest number; -1: none.
struct RestartDescriptors: BitwiseCopyable {
  /// What the image's data is read from.
  var sources: Table<Source>
  var status: Int32

  /// The program's executable, for PR_SET_MM_MAP.
  var executable: Int32 = -1

  /// To the supervisor of a lazy or a staged restart.
  var channel: Int32 = -1

  /// Where the pages are listed that the program touches, -1: nowhere.
  var training: Int32 = -1

  /// Where to say what goes wrong once 2 is the program's; `DescriptorRestore.makeRoom` makes it when
  /// it isn't yet.
  var errors: Int32 = -1

  /// The program's terminal becomes the one here; else it goes on with the standard streams.
  var takesTerminal = true

  /// The standard streams are the caller's, and nothing is said of what comes back otherwise.
  var isExecutable = false

  init(sources: Table<Source>, status: Int32) {
    self.sources = sources
    self.status = status
  }

  /// How many there are, those that are -1 included.
  var count: Int { sources.count + 5 }

  subscript(index: Int) -> Int32 {
    switch index {
    case 0: status
    case 1: executable
    case 2: errors
    case 3: channel
    case 4: training
    default: sources[index - 5].descriptor
    }
  }
}
