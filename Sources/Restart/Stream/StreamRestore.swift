internal import CImage
internal import Kernel
internal import KernelABI

/// A restart from a stream: memory first, in the order in which it comes.
///
/// What can be seen from outside (descriptors, shared memory, locks) is made when all digests have
/// been found right.
enum StreamRestore {
  /// Runs in the new process; see `MemoryRestore.run`.
  ///
  /// - Parameters:
  ///   - arguments: for the program.
  ///   - own: what `restart` itself has open; the caller says there what goes wrong.
  static func run(
    _ image: LoadedImage, _ stream: StreamInput, _ handoff: ckpt_handoff,
    _ arguments: ProgramArguments, _ own: inout RestartDescriptors
  ) throws(RestartFailure) -> Never {
    let place = AddressRange(start: handoff.own_start, end: handoff.own_end) ?? .empty
    let live = try LiveMappings()
    let plan = try MemoryPlan(
      image, own: place, live: live, isLazy: false, argumentByteCount: arguments.byteCount)
    try MemoryRestore.put(arguments, at: plan)
    var work = try RestoreArena(at: plan.scratch, for: image, isLazy: false)
    guard let layout = work.stream else { throw stream.endedEarly }
    let precopied = try notePrecopied(&work, layout, plan)
    var kernel = KernelMappings(in: live)
    let service = try KernelService(work, work.reader(0), kernel)
    let hugePages = HugePages(for: work)
    raiseLimit()
    try plan.clear(&kernel, own: place)
    try service.place(&kernel, work)
    try RegionMapper(
      work: work, reader: work.reader(0), service: service, notes: own.errors >= 0 ? own.errors : 2
    ).mapPrivate()
    try precopied?.run()
    RegionFill(work: work, service: service, hugePages: hugePages).adviseHugePages()

    let spool = try read(stream, work, layout, service, hugePages)
    try makeShared(&work, spool, service, &own)
    try service.patch(kernel, work)
    try RegionState(work: work, service: service, notes: own.errors).apply()
    work.image.closeSources()
    try LockRestore.run(work.image, isExecutable: own.isExecutable)
    try StagedStart.awaitWord(on: own.channel)
    if own.errors >= 0 { closeDescriptor(own.errors) }
    var handoff = handoff
    handoff.arguments = plan.arguments.start.rawValue
    handoff.status_descriptor = own.status
    handoff.executable_descriptor = own.executable
    MemoryRestore.leave(work, handoff)
  }

  /// Finds what came ahead of the image, and brings it out of the way.
  private static func notePrecopied(
    _ work: inout RestoreArena, _ layout: StreamLayout, _ plan: MemoryPlan
  ) throws(RestartFailure) -> PrecopiedFill? {
    guard var precopied = work.image.precopied else { return nil }
    try during("cannot bring memory out of the way") { () throws(Errno) in
      try precopied.move(to: plan.precopied)
    }
    work.image.precopied = precopied
    let fill = PrecopiedFill(work: work, precopied: precopied, digests: layout.digests)
    try fill.noteDigests()
    return fill
  }

  /// Files in memory are open all at once while they are filled.
  private static func raiseLimit() {
    guard var limit = try? ResourceLimit(ResourceLimit.openFiles) else { return }
    limit.current = limit.maximum
    try? limit.set(ResourceLimit.openFiles)
  }

  /// - Returns: the file with the contents of objects, -1: there are none.
  private static func read(
    _ stream: StreamInput, _ work: RestoreArena, _ layout: StreamLayout, _ service: KernelService,
    _ hugePages: HugePages
  ) throws(RestartFailure) -> Int32 {
    var fill = StreamFill(work, layout, stream, service, hugePages)
    let spool = try fill.run()
    var check = StreamCheck(work: work, layout: layout, stream: fill.stream)
    try check.run()
    PrivateFiles(work: work, reader: work.reader(0)).sealAll(layout)
    closeDescriptor(stream.descriptor)
    work.image.sources.update(0) {
      $0.descriptor = spool
      $0.isVerified = true
    }
    return spool
  }

  /// Descriptors, and the memory that they and others show.
  ///
  /// The tables that this takes lie where the kernel puts them, perhaps where shared memory belongs:
  /// they go before that comes.
  private static func makeShared(
    _ work: inout RestoreArena, _ spool: Int32, _ service: KernelService,
    _ own: inout RestartDescriptors
  ) throws(RestartFailure) {
    work.endNotes()
    let before = own
    own = RestartDescriptors(sources: work.image.sources, status: before.status)
    own.executable = before.executable
    own.isExecutable = before.isExecutable
    own.channel = before.channel
    own.errors = before.errors
    own.takesTerminal = before.takesTerminal
    var arena = try during("cannot get memory for the restart") { () throws(Errno) in
      try Arena(mapping: Program.arenaByteCount)
    }
    let whole = arena.range
    let objects = try DescriptorRestore.run(work.image, keeping: &own, in: &arena)
    try SharedRegions.prepare(&work, objects)
    try? Mapping.unmap(whole)
    try RegionMapper(
      work: work, reader: work.reader(0), service: service, notes: own.errors
    ).mapShared()
  }
}
