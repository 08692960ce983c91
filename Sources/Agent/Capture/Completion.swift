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
  static func freeze(_ survey: inout Survey) throws(CaptureFailure) {
    try RegionList.read(into: &survey)
    try SharedSurvey.run(&survey)
  }

  /// Finds what the memory holds and writes the image.
  ///
  /// - Returns: where it is, safe on disk.
  static func finish(
    _ survey: inout Survey, _ control: inout Control, _ outcome: inout Checkpoint.Outcome
  ) throws(CaptureFailure) -> ImagePath {
    try RegionProperties.add(to: &survey)
    try SharedSurvey.run(&survey)
    try during(.process) { () throws(Errno) in try noteMachine(&survey) }
    noteAgent(&survey)
    survey.root.publish()
    try openChain(&survey)
    defer { survey.chain?.close() }
    try PageSurvey.run(&survey)
    trace(
      "%u regions, %u runs of pages that hold something%s", survey.regions.count,
      survey.runs.count,
      survey.hasParent ? " and were written since the parent image" as StaticString : "")
    if survey.hasParent { outcome.flags |= CKPT_RESULT_INCREMENTAL }
    let path = try write(&survey, &control, &outcome)
    let lasting = try during(.renameImage) { () throws(Errno) in
      try control.lastingPath(path, &survey.scratch)
    }
    let place = survey.isInClone ? survey.page?.path : Agent.parentPath
    survey.record = Lineage.Record(survey, lasting, at: place ?? Agent.parentPath)
    return path
  }

  private static func open(
    _ path: ImagePath, _ survey: inout Survey, _ control: inout Control
  ) throws(CaptureFailure) -> ImageFile {
    guard let copied = survey.copied, !control.isStream else {
      survey.copied?.release()
      return try control.open(path, &survey)
    }
    do throws(Errno) {
      let file = try ImageFile.adopted(
        from: copied.process, copied.share.fileNumber, path, replaces: control.replaces,
        scratch: &survey.scratch)
      copied.release()
      return file
    } catch {
      throw CaptureFailure(
        .openImage, error, name: path.address, nameByteCount: UInt32(path.byteCount))
    }
  }

  /// Opens the images that this one is to be a change to; when they can't be had, it is to have all
  /// of the memory.
  private static func openChain(_ survey: inout Survey) throws(CaptureFailure) {
    guard survey.hasParent else { return }
    var path = try during(.prepare) { () throws(Errno) in try ImagePath(in: &survey.scratch) }
    do throws(Errno) {
      survey.chain = try ParentChain(&survey, at: &path)
    } catch {
      // This clone has not all of the memory.
      guard survey.staging == nil else {
        throw CaptureFailure(
          .openParent, error, name: path.address, nameByteCount: UInt32(path.byteCount))
      }
      survey.dropParent()
    }
  }

  private static func noteMachine(_ survey: inout Survey) throws(Errno) {
    let leader = survey.threads[survey.root.leader]
    survey.machine = try MachineSurvey.capture(
      frame: Address(leader.frame), vdso: extent(of: CKPT_REGION_VDSO, survey),
      vvar: extent(of: CKPT_REGION_VVAR, survey), into: &survey)
    try MachineSurvey.captureComponents(into: &survey.xstate)
  }

  /// From the first to the last region of a kind; empty when there is none.
  private static func extent(of kind: UInt32, _ survey: Survey) -> AddressRange {
    var range = AddressRange.empty
    for index in 0..<survey.regions.count where survey.regions[index].kind == kind {
      let region = survey.regions[index]
      let start = range.isEmpty ? region.start : range.start.rawValue
      range = AddressRange(start: start, end: region.end) ?? range
    }
    return range
  }

  private static func noteAgent(_ survey: inout Survey) {
    survey.agent = ckpt_agent(
      entry: Handler.wakeEntry, stack_top: survey.root.stackTop.rawValue,
      handoff: survey.root.handoff.rawValue, arena_start: survey.keep.range.start.rawValue,
      arena_bytes: survey.keep.range.byteCount, handoff_version: UInt32(CKPT_HANDOFF_VERSION),
      trigger_signal: UInt32(Agent.state.configuration.signal))
  }

  private static func write(
    _ survey: inout Survey, _ control: inout Control, _ outcome: inout Checkpoint.Outcome
  ) throws(CaptureFailure) -> ImagePath {
    let head = try during(.layout) { () throws(Errno) in try ImageHead.build(&survey) }
    let frame = try control.frame(head, &survey)
    let start = frame?.executable.imageOffset ?? 0
    let sent = RoundsEnd(survey, head)
    outcome.byteCount = frame?.fileByteCount ?? sent.byteCount
    let path = try during(.openImage) { () throws(Errno) in
      try control.path(survey, &survey.scratch)
    }
    let file = try open(path, &survey, &control)
    var written: UInt64 = 0
    trace("writing, the image will have %b", outcome.byteCount)
    do throws(Errno) {
      var writer = try ImageWriter(
        to: file.number, head, in: frame, isInClone: survey.isInClone,
        patience: control.streamPatience, scratch: &survey.scratch)
      defer { written = writer.position &- sent.skipped }
      try writer.write(survey, head) {
        control.reportProgress($0 &- start &- sent.skipped, of: sent.byteCount)
      }
      if frame != nil { try file.allowExecution(umask: survey.root.process.record.umask) }
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
    if control.usesPattern, let error = SeriesEnd.run(path, &survey) { outcome.linkError = error }
    return path
  }
}
