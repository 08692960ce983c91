internal import CImage
internal import Kernel
internal import KernelABI

/// The life of the clone: copy what it shares, let the program go on, write, tell, end.
///
/// It is alone in its memory, every signal is blocked, and it never runs an instruction of the
/// program's.
enum CloneProcess {
  static func run(_ job: Clone.Job) -> Never {
    var survey = job.survey
    survey.isInClone = true
    job.page.noteSelf()
    // As the middleman does.
    Process.makeSession()
    if job.isChild { forgetRseq(survey) }
    if let companion = job.companion { become(companion) }
    // In the image there is no clone.
    Agent.state.writerPage = 0
    let isWhole = prepare(&survey, job)
    var job = job
    job.outcome.mode = survey.copied == nil ? CKPT_MODE_COPY_ON_WRITE : CKPT_MODE_PRECOPY
    job.outcome.pause = Clock.monotonic - job.start
    let failure: CaptureFailure?
    switch isWhole {
    case .success: failure = nil
    case .failure(let error): failure = error
    }
    job.page.enter(.writing)
    let errors = ProgramErrors(of: job.program)
    hide(job.control, errors)
    let isDurable: Bool
    if let failure {
      job.page.note(failure)
      job.control.reportFailure(failure, to: errors)
      isDurable = false
    } else {
      isDurable = write(&survey, &job, errors)
    }
    end(job, isDurable)
  }

  private static func become(_ companion: Companion.Job) -> Never {
    offerItself(as: "ckpt-companion")
    let kept: InlineArray<4, Int32> = [
      companion.memory, companion.pagemap, companion.tracker, companion.stream,
    ]
    Descriptors.closeAll(but: kept.count) { kept[$0] }
    Companion.run(companion)
  }

  // MARK: While the program stands still

  /// Makes everything the clone's own that the program could change.
  ///
  /// Does not come back when that can't be done here.
  private static func prepare(
    _ survey: inout Survey, _ job: Clone.Job
  ) -> Result<Void, CaptureFailure> {
    do throws(CaptureFailure) {
      guard try Inheritance.isComplete(job.maps, job.page, &survey.scratch) else {
        leave(job, job.mayAsk ? .lacksRegions : .gaveUp)
      }
      try Completion.freeze(&survey)
      do throws(Errno) { try SharedContents.copy(&survey) } catch { leave(job, .gaveUp) }
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  private static func leave(_ job: Clone.Job, _ stage: WriterPage.Stage) -> Never {
    job.page.enter(stage)
    exitGroup(status: 1)
  }

  /// The kernel writes into the area of a thread that changes processors: into what is to be saved.
  private static func forgetRseq(_ survey: Survey) {
    for index in 0..<survey.threads.count
    where survey.threads[index].flags & CKPT_THREAD_LEADER != 0 {
      let thread = survey.threads[index]
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
    _ survey: inout Survey, _ job: inout Clone.Job, _ errors: ProgramErrors
  ) -> Bool {
    do throws(CaptureFailure) {
      let path = try Completion.finish(&survey, &job.control, &job.outcome)
      job.page.record = survey.record
      job.outcome.duration = Clock.monotonic - (survey.copied?.share.begun ?? job.start)
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
    job.survey.copied?.release()
    job.page.finish(isDurable ? .durable : .failed, program: job.program)
    exitGroup(status: isDurable ? 0 : 1)
  }
}
