import CImage
import CheckpointImage
import CheckpointKit
import Foundation
import KernelABI
import TestSupport
import Testing

@testable import CkptCommands

@Suite struct SentenceTests {
  @Test func aRefusedDescriptorIsNamedWithAHint() {
    let failure = AgentFailure(
      step: 8, errno: 95, subject: 7, reason: 7, name: "anon_inode:[io_uring]")
    #expect(
      failure.failure(saving: "4312").description == """
        Error: cannot save 4312: descriptor 7 (anon_inode:[io_uring]): is an io_uring (EOPNOTSUPP)
        hint: start the program with io_uring switched off (UV_USE_IO_URING=0 for node)
        """)
  }

  @Test func anAgentOfAnotherVersionIsToldBothVersions() {
    #expect(
      SaveFailure.otherProtocol(9).failure(saving: "7").description == """
        Error: cannot save 7: its agent speaks version 9 of the protocol, this ckpt \
        \(CKPT_PROTOCOL_VERSION)
        hint: use the ckpt that came with the libckpt.so it was started with
        """)
  }

  /// A version in words is a constant's value: a digit in a sentence stays when the constant moves.
  @Test func noSentenceSpellsAVersion() throws {
    // Not the descriptor of `--protocol 2>/dev/null`.
    let spelled = /(?:version|protocol|this ckpt|format) \d(?!>)/
    #expect("its agent speaks this ckpt 2".contains(spelled))
    var count = 0
    for folder in ["Sources/CkptCommands", "Sources/CheckpointKit", "Sources/Restart"] {
      let files = try #require(
        FileManager.default.enumerator(
          at: Repository.root.appending(path: folder), includingPropertiesForKeys: nil))
      for case let file as URL in files where file.pathExtension == "swift" {
        count += 1
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
          guard let quote = line.firstIndex(of: "\""), !line[..<quote].contains("//") else {
            continue
          }
          #expect(!line[quote...].contains(spelled), "\(file.lastPathComponent): \(line)")
        }
      }
    }
    #expect(count > 100)
  }

  @Test func aFullDiskIsNamedWithTheKernelsWord() {
    let failure = AgentFailure(step: 13, errno: 28, subject: 4096, reason: 0, name: "/x/myckpt")
    #expect(
      failure.failure(saving: "1").sentence
        == "cannot save 1: /x/myckpt can't be written after 4.0 KiB: "
        + "no space left on device (ENOSPC)")
  }

  @Test(arguments: 0...40 as ClosedRange<UInt32>, 0...20 as ClosedRange<UInt64>)
  func everyFailureOfTheAgentIsASentence(step: UInt32, reason: UInt64) {
    let sentence = AgentFailure(step: step, errno: 22, subject: .max, reason: reason, name: "")
      .failure(saving: "prog").sentence
    #expect(sentence.hasPrefix("cannot save prog: ") && !sentence.hasSuffix("."))
    #expect(sentence.contains("EINVAL"))
  }

  /// Those of the first list leave nothing to do but what their reason says.
  @Test(arguments: 1...20 as ClosedRange<UInt32>)
  func everyStepHasASentenceAndAHint(number: UInt32) throws {
    let step = try #require(CaptureStep(rawValue: number))
    let phrase = step.phrase
    #expect("\(phrase.before)\(phrase.after)".count >= 7)
    let byReasonAlone: [CaptureStep] = [
      .stopThread, .threadState, .readRegions, .region, .scanPages, .descriptor, .process,
      .signals, .timers,
    ]
    let errors: [Errno] = [.noSpace, .accessDenied, .tooManyOpen]
    #expect(errors.contains { step.hint(for: $0) != nil } == !byReasonAlone.contains(step))
  }

  @Test func theTableEndsWhereTheTestsDo() {
    #expect(CaptureStep(rawValue: 21) == nil && CaptureReason(rawValue: 16) == nil)
  }

  @Test(arguments: 1...15 as ClosedRange<UInt32>)
  func everyReasonHasASentenceAndAHint(number: UInt32) throws {
    let reason = try #require(CaptureReason(rawValue: number))
    let sentence = try #require(reason.sentence.map { "\($0)" })
    let hint = try #require(reason.hint.map { "\($0)" })
    for text in [sentence, hint] { #expect(!text.isEmpty && !text.hasSuffix(".")) }
  }

  @Test(arguments: [
    (Errno.noSpace, "make room"), (.accessDenied, "may write"), (.noSuchFile, "folder"),
    (.isDirectory, "file in it"),
  ])
  func aHintFitsTheError(errno: Errno, words: String) throws {
    let failure = AgentFailure(
      step: CaptureStep.openImage.rawValue, errno: errno.rawValue, subject: 0, reason: 0, name: "/x"
    )
    #expect(try #require(failure.failure(saving: "1").hints.first).contains(words))
  }

  @Test(arguments: [
    (TargetFailure.noSuchProcess(1), Status.failed, "ESRCH"),
    (.notOurs(1, user: 0), .permission, "EPERM"),
    (.unreadable(1, "maps", .accessDenied), .permission, "EACCES"),
    (.zombie(1), .failed, "zombie"), (.stopped(7), .failed, "stopped"),
    (.noAgent(1, name: "x"), .failed, "without the agent"),
    (.severalByName("x", [3, 4]), .failed, "2 processes"),
  ])
  func targetsAreRefusedWithAStatus(failure: TargetFailure, status: Status, words: String) {
    let result = failure.failure(saving: "x")
    #expect(result.status == status)
    #expect(result.sentence.contains(words))
  }

  @Test func aStoppedProcessHasAWayOut() {
    #expect(
      TargetFailure.stopped(7).failure(saving: "7").hints == [
        "`ckpt thaw 7` lets it go on; then save it"
      ])
  }

  @Test func launchFailuresHaveStatuses() {
    #expect(LaunchFailure.setUserID("/bin/su").failure.status == .permission)
    #expect(LaunchFailure.execute("/x", .accessDenied).failure.status == .permission)
    #expect(LaunchFailure.programNotFound("x").failure.status == .failed)
    #expect(LaunchFailure.staticProgram("/x").failure.sentence.contains("statically linked"))
  }

  @Test func aBrokenChainNamesTheLink() {
    let wanted = ImageIdentity(low: 1, high: 0)
    let found = ImageIdentity(low: 2, high: 0)
    let cases: [(ChainFailure, String)] = [
      (
        .missing(name: "a", child: "d/b", places: ["d/a", "/x/a"]),
        "cannot read c: a, which d/b needs, is missing (ENOENT)"
      ),
      (
        .foreign(path: "d/a", child: "d/b", wanted: wanted, found: found),
        "cannot read c: d/a is another image than the one that d/b needs"
      ),
      (.parent(path: "d/a", child: "d/b", .empty), "cannot read d/a: the file is empty"),
      (.cycle(path: "a", child: "b"), "cannot read c: b needs a, which itself needs b"),
      (.tooLong(limit: 4096), "cannot read c: it needs more than 4096 others"),
    ]
    for (failure, sentence) in cases {
      let result = failure.failure(reading: "c")
      #expect(result.sentence == sentence)
      #expect(result.status == .damagedImage)
      #expect(MergeFailure.chain(failure).failure(merging: "c") == result)
    }
    #expect(
      cases[0].0.failure(reading: "c").hints.first == "looked for it as d/a and /x/a")
    #expect(
      ChainFailure.image(.unreadable(.accessDenied)).failure(reading: "c").status == .permission)
  }

  @Test func aFailedMergeIsASentence() {
    let cases: [(MergeFailure, Status, String)] = [
      (
        .data(path: "a", .refused(.init(.damagedData, at: 4096, 1))), .damagedImage, "cannot read a"
      ),
      (.data(path: "a", .unreadable(.inputOutput)), .failed, "EIO"),
      (.file(path: "/lib/x", child: "a", .noSuchFile), .failed, "/lib/x, of which a has no copy"),
      (.changedFile(path: "/lib/x", child: "a", offset: 8192), .damagedImage, "offset 0x2000"),
      (.needed(path: "a", child: "b"), .failed, "cannot write a: b needs the image that is there"),
      (.output(path: "o", .noSpace), .failed, "cannot write o: no space left on device (ENOSPC)"),
      (.output(path: "o", .accessDenied), .permission, "cannot write o"),
    ]
    for (failure, status, words) in cases {
      let result = failure.failure(merging: "c")
      #expect(result.status == status)
      #expect(result.sentence.contains(words), "\(result.sentence)")
    }
  }

  @Test func imagesAreRefusedWithAStatus() {
    #expect(ImageFailure.notAFile(.directory).failure(reading: "x").status == .damagedImage)
    #expect(ImageFailure.empty.failure(reading: "x").status == .damagedImage)
    #expect(ImageFailure.unreadable(.accessDenied).failure(reading: "x").status == .permission)
    #expect(
      ImageFailure.unreadable(.noSuchFile).failure(reading: "x").sentence
        == "cannot read x: no such file or directory (ENOENT)")
  }
}

@Suite struct UnitsTests {
  @Test(arguments: [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (43_202_380, "41.2 MiB"),
    (1_048_575, "1.0 MiB"), (UInt64.max, "16.0 EiB"),
  ])
  func bytes(count: UInt64, text: String) { #expect(byteCountText(count) == text) }

  @Test(arguments: [
    (400, "0.4 µs"), (12_300_000, "12.3 ms"), (999_960_000, "1.0 s"), (61_000_000_000, "61.0 s"),
  ])
  func durations(nanoseconds: UInt64, text: String) { #expect(durationText(nanoseconds) == text) }

  @Test(arguments: [
    (0, "1970-01-01 00:00:00 UTC"), (951_782_400, "2000-02-29 00:00:00 UTC"),
    (1_772_368_205, "2026-03-01 12:30:05 UTC"),
  ])
  func times(seconds: UInt64, text: String) { #expect(timeText(seconds * 1_000_000_000) == text) }
}

@Suite struct ProgressBarTests {
  @Test func nothingIsDrawnInTheFirstHalfSecondOrWithoutATerminal() {
    let report = ControlReport.Progress(done: 1, total: 4)
    var bar = ProgressBar(isShown: true, start: 0)
    #expect(bar.line(for: report, at: 400_000_000) == nil)
    #expect(bar.erasing.isEmpty)
    #expect(bar.line(for: report, at: 600_000_000)?.contains("25 %") == true)
    #expect(bar.line(for: report, at: 610_000_000) == nil)
    #expect(!bar.erasing.isEmpty)
    var hidden = ProgressBar(isShown: false, start: 0)
    #expect(hidden.line(for: report, at: .max) == nil)
  }
}
