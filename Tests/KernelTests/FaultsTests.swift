import Kernel
import KernelABI
import Testing

@Suite struct FaultsTests {
  @Test func theNthCallFailsAndNoOther() throws {
    let outcome = Faults.failing(call: 2, of: SyscallNumber.getpid, with: .outOfMemory) {
      (0..<3).map { _ in rawSystemCall(SyscallNumber.getpid) }
    }
    #expect(outcome.happened)
    #expect(outcome.result[1] == -12 && outcome.result[0] > 0 && outcome.result[2] > 0)
  }

  @Test func aCallThatIsNeverMadeDoesNotHappen() {
    let outcome = Faults.failing(call: 1, of: SyscallNumber.fsync, with: .outOfMemory) {
      rawSystemCall(SyscallNumber.getpid)
    }
    #expect(!outcome.happened && outcome.result > 0)
  }

  @Test func readsAndWritesAreMadeAgainWhenASignalCutsThemShort() throws {
    let ends = try Pipes.make()
    let reader = FileDescriptor(adopting: ends.reader)
    let writer = FileDescriptor(adopting: ends.writer)
    let text: StaticString = "abc"
    let wrote = try Faults.failing(call: 1, of: SyscallNumber.write, with: .interrupted) {
      try writer.writeFully(from: text.address, byteCount: 3)
    }
    var bytes = UInt32(0)
    let read = try Faults.failing(call: 1, of: SyscallNumber.read, with: .interrupted) {
      try withAddress(of: &bytes) { (place) throws(Errno) in
        try reader.read(to: place, byteCount: 3)
      }
    }
    #expect(wrote.happened && read.happened && read.result == 3 && bytes == 0x63_6261)
  }
}
