internal import CImage
internal import Kernel
internal import KernelABI

/// The stages of a restore, in the new process: from a checked image to the jump into the agent.
///
/// Where memory comes from is the affair of `MemorySupply`. What comes from a stream can be checked
/// only when all of it is there, so files and shared memory, which others can see, are made behind
/// private memory then, and before it else.
struct RestoreSequence {
  let job: RestartJob

  /// What `restart` itself has open; whoever catches a failure says it where they tell.
  private(set) var descriptors: RestartDescriptors

  init(_ job: RestartJob, _ descriptors: RestartDescriptors) {
    self.job = job
    self.descriptors = descriptors
  }

  /// What the restore of files may need: tables of the image's files and objects, pieces of contents.
  ///
  /// Only what is used takes memory.
  private static let arenaByteCount: UInt64 = 1 << 28

  /// - Throws: before the program has run one instruction. Once the address space is cleared there
  ///   is nothing to go back to: the caller reports and ends this process.
  mutating func run() throws(RestartFailure) -> Never {
    let comesByStream = job.image.stream != nil
    let objects = comesByStream ? nil : try makeFiles(of: job.image).objects
    var memory = try MemoryRestore(job)
    var supply = try MemorySupply.prepare(&memory, objects, job, notes: remarks)
    trace("program: the address space is cleared: no way back")
    try memory.takePlace()
    if job.isExecutable {
      OwnFile.letGo(&descriptors.executable, job.own, for: memory.work.image.process)
    }
    try supply.map(memory, notes: descriptors.errors)
    trace("program: %u regions are mapped", memory.work.image.regions.count)
    supply.start(helper(for: memory))
    try supply.fill(&memory)
    trace("program: what of its memory has to be there is read, the digests are right")
    if comesByStream { try makeLateFiles(&memory) }
    try memory.complete(notes: descriptors.errors)
    try LockRestore.run(memory.work.image, isExecutable: job.isExecutable)
    trace("program: the agent wakes %u threads", memory.work.image.threads.count)
    var handoff = makeHandoff(memory)
    try supply.go(&handoff)
    if comesByStream { try StagedStart.awaitWord(on: descriptors.channel) }
    closeOwn(comesByStream)
    memory.leave(handoff)
  }

  /// Where to say that memory can't come later; a snapshot executable says nothing of it.
  private var remarks: Int32 { job.isExecutable ? -1 : descriptors.errors }

  // MARK: Files

  /// Makes all descriptors, and what makes the objects that mappings show.
  ///
  /// - Returns: that, and the memory that it works with.
  private mutating func makeFiles(
    of image: LoadedImage
  ) throws(RestartFailure) -> (objects: ObjectRestore, arena: AddressRange) {
    var arena = try during("cannot get memory for the restart") { () throws(Errno) in
      try Arena(mapping: Self.arenaByteCount)
    }
    let whole = arena.range
    let first = try DescriptorRestore.makeRoom(for: image, keeping: &descriptors)
    let objects = try ObjectRestore(image, firstNumber: first, in: &arena)
    let queues = try QueueContents.read(image, in: &arena)
    try DescriptorRestore.run(image, objects, queues, keeping: descriptors, in: &arena)
    queues.close()
    trace(
      "program: %u descriptors of %u open files are there", image.descriptors.count,
      image.files.count)
    return (objects, whole)
  }

  /// Descriptors, and the memory that they and others show, once all of a stream is there.
  ///
  /// The tables that this takes lie where the kernel puts them, perhaps where shared memory belongs:
  /// they go before that comes.
  private mutating func makeLateFiles(_ memory: inout MemoryRestore) throws(RestartFailure) {
    memory.work.endNotes()
    descriptors.sources = memory.work.image.sources
    let (objects, arena) = try makeFiles(of: memory.work.image)
    try SharedRegions.prepare(&memory.work, objects)
    try? Mapping.unmap(arena)
    try memory.mapper(notes: descriptors.errors).mapShared()
  }

  // MARK: Leaving

  private func helper(for memory: MemoryRestore) -> LazyHelper? {
    guard let layout = memory.work.lazy else { return nil }
    return LazyHelper(
      layout: layout, scratch: memory.work.range, own: job.own, channel: descriptors.channel,
      notes: descriptors.errors, training: descriptors.training,
      mayChooseIDs: !job.identity.isFresh)
  }

  /// The head of the image lies where `memory` has moved it: it is not in its first place any more.
  private func makeHandoff(_ memory: MemoryRestore) -> ckpt_handoff {
    var handoff = ckpt_handoff()
    handoff.version = CKPT_HANDOFF_VERSION
    let identity = job.identity
    if identity.isFresh { handoff.flags |= CKPT_HANDOFF_FRESH_PIDS }
    if identity.hasUserNamespace { handoff.flags |= CKPT_HANDOFF_PRIVATE_PIDS }
    handoff.own_start = job.own.start.rawValue
    handoff.own_end = job.own.end.rawValue
    handoff.status_descriptor = descriptors.status
    handoff.executable_descriptor = descriptors.executable
    if !identity.hasClocks {
      handoff.monotonic_shift = Clocks.shift(since: memory.work.image.image)
    }
    handoff.arguments = memory.plan.arguments.start.rawValue
    return handoff
  }

  /// The channel of a staged restart is closed by who waited on it.
  private func closeOwn(_ isStaged: Bool) {
    if !isStaged, descriptors.channel >= 0 { closeDescriptor(descriptors.channel) }
    if descriptors.training >= 0 { closeDescriptor(descriptors.training) }
    if descriptors.errors >= 0 { closeDescriptor(descriptors.errors) }
  }
}
