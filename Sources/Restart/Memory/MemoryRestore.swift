internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Puts the program's memory in the place of `restart`'s own and leaves for the agent in it.
enum MemoryRestore {
  /// Runs in the new process, which has one thread and all of its descriptors already.
  ///
  /// - Parameters:
  ///   - image: checked head, and sources that are closed before the program goes on.
  ///   - handoff: filled but for the scratch range; `own` is where this program lies.
  ///   - objects: makes the contents that regions and descriptors share.
  ///   - arguments: for the program; copied before what they lie in is unmapped.
  ///   - laziness: which memory may come later.
  ///   - isExecutable: the standard streams are the caller's; nothing is said when all memory has to
  ///     be read first after all.
  ///   - channel: to the supervisor of a lazy restart; closed in the end.
  ///   - training: where the pages are listed that the program touches, -1: nowhere; closed likewise.
  ///   - notes: where to say what comes back less than exactly, -1: nowhere; closed in the end.
  /// - Throws: before the program has run one instruction. Once the address space is cleared there
  ///   is nothing to go back to: the caller reports and ends this process.
  static func run(
    _ image: LoadedImage, _ handoff: ckpt_handoff, objects: ObjectRestore,
    arguments: ProgramArguments, lazily laziness: RestartOptions.Laziness = .none,
    isExecutable: Bool = false,
    channel: Int32 = -1, training: Int32 = -1, notes: Int32 = -1
  ) throws(RestartFailure) -> Never {
    let own = AddressRange(start: handoff.own_start, end: handoff.own_end) ?? .empty
    let live = try LiveMappings()
    let isLazy = laziness != .none
    let plan = try MemoryPlan(
      image, own: own, live: live, isLazy: isLazy, argumentByteCount: arguments.byteCount)
    try put(arguments, at: plan)
    var work = try RestoreArena(at: plan.scratch, for: image, isLazy: isLazy)
    try SharedRegions.prepare(&work, objects)
    let reader = work.reader(0)
    var kernel = KernelMappings(in: live)
    let service = try KernelService(work, reader, kernel)
    let hugePages = HugePages(for: work)
    let remarks = isExecutable ? -1 : notes
    let lazyPlan = LazyPlan(work, laziness)
    let mappedPlan = isLazy && lazyPlan == nil ? MappedPlan(work, laziness, notes: remarks) : nil
    try plan.clear(&kernel, own: own)

    try service.place(&kernel, work)
    var handoff = handoff
    if isExecutable { OwnFile.letGo(&handoff, for: work.image.process) }
    let mapper = RegionMapper(
      work: work, reader: reader, service: service, notes: notes, mapsImage: isExecutable)
    try mapper.mapAll()
    let lazy = LazyStart.make(lazyPlan, handoff, channel: channel, notes: notes)
    let mapped = MappedStart.make(
      mappedPlan, handoff, channel: channel, training: training, notes: notes)
    try RegionFill(work: work, service: service, hugePages: hugePages).run()
    try service.patch(kernel, work)
    try RegionState(work: work, service: service, notes: notes).apply()
    work.image.closeSources()
    try LockRestore.run(work.image, isExecutable: isExecutable)
    handoff.arguments = plan.arguments.start.rawValue
    if let lazy { try lazy.go(&handoff) }
    if let mapped { mapped.go(&handoff) }
    if channel >= 0 { closeDescriptor(channel) }
    if training >= 0 { closeDescriptor(training) }
    if notes >= 0 { closeDescriptor(notes) }
    leave(work, handoff)
  }

  /// Keeps the arguments where the program finds them.
  static func put(
    _ arguments: ProgramArguments, at plan: MemoryPlan
  ) throws(RestartFailure) {
    let place = plan.arguments
    try during("cannot keep the arguments for the program") { () throws(Errno) in
      try Mapping.map(
        at: place.start, byteCount: place.byteCount, .read | .write,
        .private | .anonymous | .fixedNoReplace)
    }
    arguments.put(in: place)
  }

  /// Hands over to the agent, which unmaps this program.
  static func leave(_ work: RestoreArena, _ handoff: ckpt_handoff) -> Never {
    var handoff = handoff
    handoff.version = CKPT_HANDOFF_VERSION
    handoff.scratch_start = work.range.start.rawValue
    handoff.scratch_end = work.range.end.rawValue
    let agent = work.image.agent
    Memory.store(handoff, at: Address(agent.handoff))
    ckernel_jump(agent.stack_top, agent.entry, agent.handoff)
  }
}
