internal import CImage
internal import Kernel
internal import KernelABI

/// The life of the clone: copy what it shares, let the program go on, write, tell, end.
///
/// It is alone in its memory, every signal is blocked, and it never runs an instruction of the
/// program's.
enum CloneProcess {
  static func run(_ job: Clone.Job) -> Never {
    var draft = job.draft
    draft.isInClone = true
    job.page.noteSelf()
    // As the middleman does.
    Process.makeSession()
    if job.isChild { forgetRseq(draft) }
    if let precopy = job.precopy { become(precopy) }
    // In the image there is no clone.
    Agent.state.writerStatus = 0
    let isWhole = prepare(&draft, job)
    var job = job
    job.outcome.mode = draft.copied == nil ? CKPT_MODE_COPY_ON_WRITE : CKPT_MODE_PRECOPY
    job.outcome.pause = Clock.monotonic - job.start
    let failure: CaptureFailure?
    switch isWhole {
    case .success: failure = nil
    case .failure(let error): failure = error
    }
    trace(
      "clone: has its own of all that is shared; the program stood still for %t", job.outcome.pause)
    job.page.enter(.writing)
    let errors = ProgramErrors(of: job.program)
    hide(job.control, errors)
    let isDurable: Bool
    if let failure {
      job.page.note(failure)
      job.control.reportFailure(failure, to: errors)
      isDurable = false
    } else {
      isDurable = write(&draft, &job, errors)
    }
    end(job, isDurable)
  }

  private static func become(_ precopy: PrecopyProcess.Job) -> Never {
    offerItself(as: "ckpt-precopy")
    let kept: InlineArray<4, Int32> = [
      precopy.memory, precopy.pagemap, precopy.tracker, precopy.stream,
    ]
    Descriptors.closeAll(but: kept.count) { kept[$0] }
    PrecopyProcess.run(precopy)
  }

  // MARK: While the program stands still

  /// Makes everything the clone's own that the program could change.
  ///
  /// Does not come back when that can't be done here.
  private static func prepare(
    _ draft: inout ImageDraft, _ job: Clone.Job
  ) -> Result<Void, CaptureFailure> {
    do throws(CaptureFailure) {
      guard try Inheritance.isComplete(job.maps, job.page, &draft.scratch) else {
        leave(job, job.mayAsk ? .lacksRegions : .gaveUp)
      }
      try Completion.freeze(&draft)
      do throws(Errno) { try SharedContents.copy(&draft) } catch { leave(job, .gaveUp) }
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  private static func leave(_ job: Clone.Job, _ stage: WriterStatus.Stage) -> Never {
    job.page.enter(stage)
    exitGroup(status: 1)
  }

  /// The kernel writes into the area of a thread that changes processors: into what is to be saved.
  private static func forgetRseq(_ draft: ImageDraft) {
    for index in 0..<draft.threads.count
    where draft.threads[index].flags & CKPT_THREAD_LEADER != 0 {
      let thread = draft.threads[index]
      guard thread.rseq != 0 else { return }
      OwnThread.unregisterRseq(
        at: thread.rseq, byteCount: thread.rseq_bytes, signature: thread.rseq_signature)
    }
  }

  // MARK: While it goes on

  /// Lets go of the program's descriptors, and offers itself where memory runs out.
  private static func hide(_ control: Control, _ errors: ProgramErrors) {
    offerItself(as: "ckpt-writer")
    // A pipe's reader must see its end when the program closes it.
    let own = control.own
    let kept: InlineArray<4, Int32> = [own.image, own.control, own.program, errors.kept]
    Descriptors.closeAll(but: kept.count) { kept[$0] }
  }

  /// Takes a name, and is the first to go where memory runs out.
  private static func offerItself(as name: StaticString) {
    var name = Line(name)
    _ = try? name.withPath { (name) throws(Errno) in
      try Prctl.call(Prctl.setName, name.argument)
    }
    if let file = try? FileDescriptor("/proc/thread-self/oom_score_adj", .writeOnly) {
      var line = Line("1000")
      line.write(to: file.number)
    }
  }

  /// - Returns: whether the image is safe on disk, and wanted.
  private static func write(
    _ draft: inout ImageDraft, _ job: inout Clone.Job, _ errors: ProgramErrors
  ) -> Bool {
    do throws(CaptureFailure) {
      let path = try Completion.finish(&draft, &job.control, &job.outcome)
      job.page.record = draft.record
      job.outcome.duration = Clock.monotonic - (draft.copied?.share.begun ?? job.start)
      if job.page.pause > 0 { job.outcome.pause = job.page.pause }
      return job.control.reportDone(job.outcome, path, to: errors)
    } catch {
      job.page.note(error)
      job.control.reportFailure(error, to: errors)
      return false
    }
  }

  /// Leaves word of the outcome, calls for who waits for a turn, and ends.
  private static func end(_ job: Clone.Job, _ isDurable: Bool) -> Never {
    job.draft.copied?.release()
    TraceOutput.finish()
    job.page.finish(isDurable ? .durable : .failed, program: job.program)
    exitGroup(status: isDurable ? 0 : 1)
  }
}
