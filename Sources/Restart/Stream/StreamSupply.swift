internal import CImage
internal import Kernel
internal import KernelABI

/// Memory from a stream, in the order in which it comes.
///
/// Nothing of it can be seen from outside before all digests have been found right.
struct StreamSupply {
  private let layout: StreamLayout
  private let stream: StreamInput

  /// What came ahead of the image; `nil`: nothing.
  private let precopied: PrecopiedFill?

  init(_ memory: inout MemoryRestore, _ stream: StreamInput) throws(RestartFailure) {
    guard let layout = memory.work.stream else { throw stream.endedEarly }
    self.layout = layout
    self.stream = stream
    precopied = try Self.notePrecopied(&memory.work, layout, memory.plan)
    Self.raiseLimit()
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

  /// Reads the whole stream, and compares it with its digests.
  ///
  /// Contents of objects are in a file in memory then, which takes the stream's place.
  func fill(_ memory: inout MemoryRestore) throws(RestartFailure) {
    let work = memory.work
    try precopied?.run()
    RegionFill(work: work, service: memory.service, hugePages: memory.hugePages).adviseHugePages()
    var fill = StreamFill(work, layout, stream, memory.service, memory.hugePages)
    let spool = try fill.run()
    var check = StreamCheck(work: work, layout: layout, stream: fill.stream)
    try check.run()
    PrivateFiles(work: work, reader: work.reader(0)).sealAll(layout)
    closeDescriptor(stream.descriptor)
    work.image.sources.update(0) {
      $0.descriptor = spool
      $0.isVerified = true
    }
  }
}
