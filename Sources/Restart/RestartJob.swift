internal import Kernel
internal import KernelABI

/// One process that is to become a program: all that is decided before it is born.
struct RestartJob: BitwiseCopyable {
  let image: LoadedImage
  let options: RestartOptions

  /// Where this program lies.
  let own: AddressRange

  let identity: Identity

  /// Its place among sessions, groups and the terminal.
  let place: JobPlan
  let terminal: Terminal

  /// `restart` was in front of the terminal.
  let isInFront: Bool

  /// Where it, or the agent in it, tells how it went.
  let status: Int32

  /// To the supervisor of a lazy or a staged restart, -1: it isn't one.
  let channel: Int32

  var isDetached: Bool { options.detaches }

  /// What the program writes does not go where `restart` says what goes wrong.
  var isStaged: Bool { options.staged != nil }

  /// It is started like any program: in the caller's directory, with the caller's standard streams.
  var isExecutable: Bool { options.isExecutable }
}
