internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The second half of a checkpoint: memory, layout, file.
///
/// The clone does it while the program goes on; without a clone the leader does, while the program
/// stands still. Stopped-world safe.
enum Completion {
  /// Lists the regions, and the contents of those that other processes, or the program once it goes
  /// on, can change under our eyes.
  static func freeze(_ draft: inout ImageDraft) throws(CaptureFailure) {
    try RegionList.read(into: &draft)
    try SharedSurvey.run(&draft)
  }

  /// Finds what the memory holds and writes the image.
  ///
  /// - Returns: where it is, safe on disk.
  static func finish(
    _ draft: inout ImageDraft, _ control: inout Control, _ outcome: inout CheckpointRun.Outcome
  ) throws(CaptureFailure) -> ImagePath {
    try RegionProperties.add(to: &draft)
    try SharedSurvey.run(&draft)
    try during(.process) { () throws(Errno) in try noteMachine(&draft) }
    noteAgent(&draft)
    draft.root.publish()
    try openChain(&draft)
    defer { draft.chain?.close() }
    try PageSurvey.run(&draft)
    trace(
      "%u regions, %u runs of pages that hold something%s", draft.regions.count,
      draft.runs.count,
      draft.hasParent ? " and were written since the parent image" as StaticString : "")
    if draft.hasParent { outcome.flags |= CKPT_RESULT_INCREMENTAL }
    let path = try write(&draft, &control, &outcome)
    let lasting = try during(.renameImage) { () throws(Errno) in
      try control.lastingPath(path, &draft.scratch)
    }
    let place = draft.isInClone ? draft.page?.path : Agent.parentPath
    draft.record = Lineage.Record(draft, lasting, at: place ?? Agent.parentPath)
    return path
  }

  private static func open(
    _ path: ImagePath, _ draft: inout ImageDraft, _ control: inout Control
  ) throws(CaptureFailure) -> ImageOutput {
    guard let copied = draft.copied, !control.isStream else {
      draft.copied?.release()
      return try control.open(path, &draft)
    }
    do throws(Errno) {
      let file = try ImageOutput.adopted(
        from: copied.process, copied.share.fileNumber, path, replaces: control.replaces,
        scratch: &draft.scratch)
      copied.release()
      return file
    } catch {
      throw CaptureFailure(
        .openImage, error, name: path.address, nameByteCount: UInt32(path.byteCount))
    }
  }

  /// Opens the images that this one is to be a change to; when they can't be had, it is to have all
  /// of the memory.
  private static func openChain(_ draft: inout ImageDraft) throws(CaptureFailure) {
    guard draft.hasParent else { return }
    var path = try during(.prepare) { () throws(Errno) in try ImagePath(in: &draft.scratch) }
    do throws(Errno) {
      draft.chain = try ParentChain(&draft, at: &path)
    } catch {
      // This clone has not all of the memory.
      guard draft.staging == nil else {
        throw CaptureFailure(
          .openParent, error, name: path.address, nameByteCount: UInt32(path.byteCount))
      }
      draft.dropParent()
    }
  }

  private static func noteMachine(_ draft: inout ImageDraft) throws(Errno) {
    let leader = draft.threads[draft.root.leader]
    draft.machine = try MachineSurvey.capture(
      frame: Address(leader.frame), vdso: extent(of: CKPT_REGION_VDSO, draft),
      vvar: extent(of: CKPT_REGION_VVAR, draft), into: &draft)
    try MachineSurvey.captureComponents(into: &draft.xstate)
  }

  /// From the first to the last region of a kind; empty when there is none.
  private static func extent(of kind: UInt32, _ draft: ImageDraft) -> AddressRange {
    var range = AddressRange.empty
    for index in 0..<draft.regions.count where draft.regions[index].kind == kind {
      let region = draft.regions[index]
      let start = range.isEmpty ? region.start : range.start.rawValue
      range = AddressRange(start: start, end: region.end) ?? range
    }
    return range
  }

  private static func noteAgent(_ draft: inout ImageDraft) {
    draft.agent = ckpt_agent(
      entry: Handler.wakeEntry, stack_top: draft.root.stackTop.rawValue,
      handoff: draft.root.handoff.rawValue, arena_start: draft.keep.range.start.rawValue,
      arena_bytes: draft.keep.range.byteCount, handoff_version: UInt32(CKPT_HANDOFF_VERSION),
      trigger_signal: UInt32(Agent.state.configuration.signal))
  }

  private static func write(
    _ draft: inout ImageDraft, _ control: inout Control, _ outcome: inout CheckpointRun.Outcome
  ) throws(CaptureFailure) -> ImagePath {
    let head = try during(.layout) { () throws(Errno) in try ImageLayout.build(&draft) }
    let frame = try control.frame(head, &draft)
    let start = frame?.executable.imageOffset ?? 0
    let sent = PrecopiedStream(draft, head)
    outcome.byteCount = frame?.fileByteCount ?? sent.byteCount
    let path = try during(.openImage) { () throws(Errno) in
      try control.path(draft, &draft.scratch)
    }
    let file = try open(path, &draft, &control)
    var written: UInt64 = 0
    trace("writing, the image will have %b", outcome.byteCount)
    do throws(Errno) {
      var writer = try ImageWriter(
        to: file.number, head, in: frame, isInClone: draft.isInClone,
        patience: control.streamPatience, scratch: &draft.scratch)
      defer { written = writer.position &- sent.skipped }
      try writer.write(draft, head) {
        control.reportProgress($0 &- start &- sent.skipped, of: sent.byteCount)
      }
      if frame != nil { try file.allowExecution(umask: draft.root.process.record.umask) }
    } catch {
      trace("writing failed after %b: %e", written, error)
      WriteSignals.forget()
      file.discard()
      throw CaptureFailure(
        .writeImage, error, subject: written, name: path.address,
        nameByteCount: UInt32(path.byteCount))
    }
    trace("written, digests included; bringing it to disk, giving it its name")
    try file.commit()
    trace("the image is safe")
    if control.usesPattern, let error = SeriesEnd.run(path, &draft) { outcome.linkError = error }
    return path
  }
}
