internal import CImage
internal import Kernel
internal import KernelABI

/// How the program's memory gets its contents.
///
/// The stages of `RestoreSequence` that differ by it: `prepare`, `map`, `start`, `fill`, `go`.
enum MemorySupply {
  /// All of it is read from files before the program runs.
  case eager

  /// The same, in the order in which a stream brings it.
  case stream(StreamSupply)

  /// A process beside the program brings what is touched, and the rest.
  case userfault(UserfaultSupply)

  /// The program sees the image itself until all is read.
  case mapped(MappedSupply)

  /// Decides, while nothing has been touched.
  ///
  /// - Parameters:
  ///   - objects: makes the contents that regions and descriptors share; `nil`: there are none yet.
  ///   - notes: where to say why memory can't come later, -1: nowhere.
  static func prepare(
    _ memory: inout MemoryRestore, _ objects: ObjectRestore?, _ job: RestartJob, notes: Int32
  ) throws(RestartFailure) -> MemorySupply {
    if let objects { try SharedRegions.prepare(&memory.work, objects) }
    if let stream = job.image.stream {
      return .stream(try StreamSupply(&memory, stream))
    }
    return choose(memory.work, job.options.laziness, notes: notes)
  }

  private static func choose(
    _ work: RestoreArena, _ laziness: RestartOptions.Laziness, notes: Int32
  ) -> MemorySupply {
    guard laziness != .none else {
      trace("program: the memory comes before it runs")
      return .eager
    }
    trace("program: the memory comes while it runs, if it can be watched")
    if let plan = LazyPlan(work, laziness) { return .userfault(UserfaultSupply(plan)) }
    if let plan = MappedPlan(work, laziness, notes: notes) { return .mapped(MappedSupply(plan)) }
    return .eager
  }

  /// Makes the mappings that can be made now.
  func map(_ memory: MemoryRestore, notes: Int32) throws(RestartFailure) {
    if case .stream = self {
      // Standard error is still the caller's.
      return try memory.mapper(notes: notes >= 0 ? notes : 2).mapPrivate()
    }
    try memory.mapper(notes: notes).mapAll()
  }

  /// Starts the process that brings memory later; where there can be none, all is read at once.
  mutating func start(_ helper: LazyHelper?) {
    guard let helper else { return }
    switch self {
    case .eager, .stream: return
    case .userfault(var supply):
      self = supply.start(helper) ? .userfault(supply) : .eager
    case .mapped(var supply):
      self = supply.start(helper) ? .mapped(supply) : .eager
    }
  }

  /// Brings all that the program can't do without.
  func fill(_ memory: inout MemoryRestore) throws(RestartFailure) {
    if case .stream(let supply) = self { return try supply.fill(&memory) }
    try RegionFill(
      work: memory.work, service: memory.service, hugePages: memory.hugePages
    ).run()
  }

  /// Lets what comes later begin.
  ///
  /// To be called when nothing else has to be read any more.
  func go(_ handoff: inout ckpt_handoff) throws(RestartFailure) {
    switch self {
    case .eager, .stream: return
    case .userfault(let supply): try supply.go(&handoff)
    case .mapped(let supply): supply.go(&handoff)
    }
  }
}
