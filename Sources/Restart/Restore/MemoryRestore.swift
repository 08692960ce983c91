internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// The program's memory while it takes the place of `restart`'s own.
struct MemoryRestore {
  let own: AddressRange
  let plan: MemoryPlan
  var work: RestoreArena
  private var kernel: KernelMappings
  let service: KernelService
  let hugePages: HugePages

  /// Private mappings of files show the image's own file.
  private let mapsImage: Bool

  /// Decides where things go, and prepares; nothing of the program's has been touched then.
  init(_ job: RestartJob) throws(RestartFailure) {
    own = job.own
    mapsImage = job.isExecutable
    let isLazy = job.options.laziness != .none && job.image.stream == nil
    let live = try LiveMappings()
    plan = try MemoryPlan(
      job.image, own: own, live: live, isLazy: isLazy,
      argumentByteCount: job.options.arguments.byteCount)
    try Self.put(job.options.arguments, at: plan.arguments)
    work = try RestoreArena(at: plan.scratch, for: job.image, isLazy: isLazy)
    kernel = KernelMappings(in: live)
    service = try KernelService(work, work.reader(0), kernel)
    hugePages = HugePages(for: work)
  }

  /// Keeps the arguments where the program finds them: what they lie in is unmapped.
  private static func put(
    _ arguments: ProgramArguments, at place: AddressRange
  ) throws(RestartFailure) {
    try during("cannot keep the arguments for the program") { () throws(Errno) in
      try Mapping.map(
        at: place.start, byteCount: place.byteCount, .read | .write,
        .private | .anonymous | .fixedNoReplace)
    }
    arguments.put(in: place)
  }

  /// Unmaps all but what a restore needs.
  mutating func takePlace() throws(RestartFailure) {
    try plan.clear(&kernel, own: own)
    try service.place(&kernel, work)
  }

  /// - Parameter notes: where to say what comes back less than exactly, -1: nowhere.
  func mapper(notes: Int32) -> RegionMapper {
    RegionMapper(
      work: work, reader: work.reader(0), service: service, notes: notes, mapsImage: mapsImage)
  }

  /// Once all data that is not to come later is in its place.
  func complete(notes: Int32) throws(RestartFailure) {
    try service.patch(kernel, work)
    try RegionState(work: work, service: service, notes: notes).apply()
    work.image.closeSources()
  }

  /// Hands over to the agent, which unmaps this program.
  func leave(_ handoff: ckpt_handoff) -> Never {
    var handoff = handoff
    handoff.scratch_start = work.range.start.rawValue
    handoff.scratch_end = work.range.end.rawValue
    let agent = work.image.agent
    Memory.store(handoff, at: Address(agent.handoff))
    ckernel_jump(agent.stack_top, agent.entry, agent.handoff)
  }
}
