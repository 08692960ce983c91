import CImage
import Foundation
import Kernel
import KernelABI
import Testing

@testable import Agent

/// On the live kernel, with the threads of the test process itself.
@Suite struct ThreadStateTests {
  @Test func aThreadNotesItself() {
    var record = ckpt_thread()
    ThreadState.note(into: &record)
    #expect(record.tid == OwnThread.identifier)
    #expect(record.fs_base != 0)
    #expect(record.clear_child_tid != 0)
    #expect(record.nice == Scheduling.nice)
  }

  @Test func theRseqAreaIsFoundAndStaysRegistered() {
    let found = RseqProbe.find(fsBase: OwnThread.fsBase)
    #expect((found != nil) == RseqProbe.isRegistered)
    guard let found else { return }
    let again = OwnThread.registerRseq(
      at: found.area, byteCount: found.byteCount, signature: found.signature)
    #expect(again == -Int(Errno.busy.rawValue))
  }

  @Test func theRseqAreaIsFoundWithoutKnowingTheLibrary() {
    guard RseqProbe.isRegistered else { return }
    let shifted = OwnThread.fsBase &+ 4096
    #expect(RseqProbe.find(fsBase: shifted)?.area == RseqProbe.find(fsBase: shifted &- 4096)?.area)
  }

  @Test func aSleepersWaitIsNeverOverestimated() throws {
    let identifier = Shared()
    let start = Date()
    Thread.detachNewThread {
      identifier.set(OwnThread.identifier)
      Thread.sleep(forTimeInterval: 2)
    }
    Thread.sleep(forTimeInterval: 0.3)
    var scratch = try Arena(mapping: 1 << 20)
    var sampler = try CallSampler(in: &scratch)
    let tasks = try FileDescriptor("/proc/self/task", .readOnly)
    sampler.tasks = tasks.number
    let sample = sampler.sample(identifier.value)
    let elapsed = UInt64(Date().timeIntervalSince(start) * 1e9)
    #expect(sample.line != nil)
    #expect(sample.waited < elapsed)
    try Mapping.unmap(scratch.range)
  }

  @Test func aThreadThatIsGoneHasNoSample() throws {
    var scratch = try Arena(mapping: 1 << 20)
    var sampler = try CallSampler(in: &scratch)
    let tasks = try FileDescriptor("/proc/self/task", .readOnly)
    sampler.tasks = tasks.number
    #expect(sampler.sample(1 << 30).line == nil)
    try Mapping.unmap(scratch.range)
  }
}

/// A number that one thread sets and another reads.
final class Shared: @unchecked Sendable {
  private let lock = NSLock()
  private var number: Int32 = 0

  func set(_ value: Int32) { lock.withLock { number = value } }
  var value: Int32 { lock.withLock { number } }
}
