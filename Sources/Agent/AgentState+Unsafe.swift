internal import CKernel
internal import Kernel
internal import KernelABI

/// Everything the agent remembers between signals.
///
/// It lies in libckpt.so's own data, so it is saved with the program's memory and wakes up with it.
struct AgentState: BitwiseCopyable {
  var configuration = Configuration()

  /// Number of the last stop.
  var epoch: UInt32 = 0

  /// Whether threads were met that block the agent's own signal; see `Quiesce`.
  var looksFirst = false

  /// Checkpoints written so far.
  var counter: UInt32 = 0

  /// The first line of the trace of the checkpoint that is on, `UInt64.max`: none is, or it is a clone's.
  var traceStart = UInt64.max

  /// Whether it was said that the file of CKPT_TRACE can't be written.
  var saidTraceFails = false

  /// A random number that all images of this process carry, 0: there is none yet.
  var series: UInt64 = 0

  /// Whether `counter` is known to be above the numbers of all images that are there.
  var knowsNumbers = false

  /// Periodic checkpoints.
  var ticker = Ticker()

  /// Address of a byte that is mapped while memory is missing after a restart, 0: none is.
  var lazyWhole: UInt64 = 0

  /// Address of the `ckpt_lazy` of a process that waits for this one's threads, 0: none does.
  var lazyWatch: UInt64 = 0

  /// How many times this process was restarted.
  var restarts: UInt32 = 0

  /// Address of the `ckpt_restart_arguments` of the last restart, 0: there was none.
  var restartArguments: UInt64 = 0

  /// Where the agent's kept memory lies during a stop; see `WakeState`.
  var wakeState: UInt64 = 0

  /// Where the page lies that is shared with the last clone, 0: there is none; see `WriterStatus`.
  var writerStatus: UInt64 = 0

  /// `record.rseq - record.fs_base` of the last thread that had a registration.
  var rseqHint: Int64 = 0

  /// The userfaultfd that tells what was written since the last image.
  var tracker = TrackDescriptor.Memo()

  /// Memory that is kept for copies of what was written.
  var copyBuffer = CopyBuffer.Memo()

  /// What a precopy process copies ahead.
  var precopy = Precopy.State()

  /// The image that the next one may be a change to.
  var lineage = Lineage()

  /// Whether the environment was read and the signals taken, in this process or before a fork.
  var isLoaded = false

  /// What the program did at the control signal before an injected agent took it, no handler: nothing.
  var passedAction = ActionBits()

  /// The call of the program's that a checkpoint is made for.
  var call = OwnCall()

  /// What calls wait for that a clone does.
  var waited = InlineArray<2, CloneWord>(repeating: CloneWord())

  /// The call that the clone at `writerStatus` works for, 0: none.
  var writerCall: UInt64 = 0

  /// A request of `ckpt save` that came while checkpoints were deferred, 0: none.
  var deferredToken: UInt64 = 0

  /// How often memory became part of images again (`Exclusions`).
  var inclusions: UInt32 = 0

  /// Signals whose action is ours for the length of a stop, and the actions they had.
  var borrowed: UInt64 = 0
  var borrowedActions = InlineArray<64, ActionBits>(repeating: ActionBits())
}

/// struct sigaction in a form that Swift can put into an array with a constant initialiser.
struct ActionBits: BitwiseCopyable {
  var handler: UInt64 = 0
  var flags: UInt64 = 0
  var restorer: UInt64 = 0
  var mask: UInt64 = 0
}

extension AgentState {
  /// The settings by which an image is named: the program's own, or those of a call.
  var naming: Configuration { call.isOn ? call.configuration : configuration }
}

/// The one state, which the loader maps: constant initialisers only.
nonisolated(unsafe) private var storage = AgentState()
nonisolated(unsafe) private var words = InlineArray<10, UInt32>(repeating: 0)
nonisolated(unsafe) private var gateWords = InlineArray<4, UInt32>(repeating: 0)
nonisolated(unsafe) private var hookBytes = InlineArray<2048, UInt64>(repeating: 0)
nonisolated(unsafe) private var exclusionBytes = InlineArray<2048, UInt64>(repeating: 0)
nonisolated(unsafe) private var sentenceBytes = InlineArray<4608, UInt64>(repeating: 0)
nonisolated(unsafe) private var path = InlineArray<4096, UInt8>(repeating: 0)

/// Access to the agent's state.
///
/// Only the leader changes it, while the others are parked or before they exist; the futex words
/// are the exception, and are changed atomically. That is what makes the bare globals safe.
enum Agent {
  static var state: AgentState {
    @inline(__always) get { unsafe storage }
    @inline(__always) _modify { yield unsafe &storage }
  }

  /// Thread that takes a checkpoint, 0: none.
  static var leader: FutexWord { word(0) }

  /// Threads that have noted their state and wait.
  static var parked: FutexWord { word(1) }

  /// As many parked threads the leader waits for: who makes them so many wakes it.
  static var wanted: FutexWord { word(2) }

  /// The process whose state this is, 0: not known yet.
  ///
  /// A forked child finds its parent's here.
  static var owner: FutexWord { word(3) }

  /// Where the words of the gate lie, a ckernel_gate.
  static var gatePlace: Address {
    unsafe withUnsafeMutablePointer(to: &gateWords) { unsafe Address(UnsafeRawPointer($0)) }
  }

  /// Epoch of the stop that is on, 0: none; parked threads wait while it is theirs.
  static var gate: FutexWord { FutexWord(at: gatePlace) }

  /// Threads that came to the gate, whether it was closed or not.
  static var arrived: FutexWord { FutexWord(at: gatePlace + 4) }

  /// Threads that have left the agent's memory for good.
  static var departed: FutexWord { FutexWord(at: gatePlace + 8) }

  /// Whether parked threads have something to do before they go on, `Park.Errand` bits.
  static var errands: FutexWord { FutexWord(at: gatePlace + 12) }

  /// The thread that is in a call of the API which makes a checkpoint, 0: none.
  static var caller: FutexWord { word(4) }

  /// How many deferrals are on.
  static var deferrals: FutexWord { word(5) }

  /// Who made the first of them.
  static var deferrer: FutexWord { word(6) }

  /// 1 when a plain trigger came during a deferral.
  static var deferredTrigger: FutexWord { word(7) }

  /// Guards the page that is shared with a clone, and what is known of it: see `CheckpointLock`.
  static var turn: FutexWord { word(8) }

  /// Guards the tables of hooks, of excluded memory and of sentences.
  static var tables: FutexWord { word(9) }

  /// 16 KiB each: see `Hooks`, `Exclusions`; 36 KiB: see `Sentences`.
  static var hookTable: Address {
    unsafe withUnsafeMutablePointer(to: &hookBytes) { unsafe Address(UnsafeRawPointer($0)) }
  }
  static var exclusionTable: Address {
    unsafe withUnsafeMutablePointer(to: &exclusionBytes) { unsafe Address(UnsafeRawPointer($0)) }
  }
  static var sentenceTable: Address {
    unsafe withUnsafeMutablePointer(to: &sentenceBytes) { unsafe Address(UnsafeRawPointer($0)) }
  }

  /// Where the path of the last image lies, NUL-terminated; see `Lineage`.
  static var parentPath: Address {
    unsafe withUnsafeMutablePointer(to: &path) { unsafe Address(UnsafeRawPointer($0)) }
  }

  private static func word(_ index: UInt64) -> FutexWord {
    FutexWord(
      at: unsafe withUnsafeMutablePointer(to: &words) { unsafe Address(UnsafeRawPointer($0)) }
        + index * 4)
  }
}
