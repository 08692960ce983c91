import Kernel
import KernelABI
import Testing

/// Messages and descriptors through a pair of Unix sockets.
@Suite final class DescriptorPassingTests {
  private let here: FileDescriptor
  private let there: FileDescriptor

  init() throws {
    let pair = try Sockets.makePair(Sockets.Kind.packets)
    here = FileDescriptor(adopting: pair.first)
    there = FileDescriptor(adopting: pair.second)
  }

  private func send(_ word: UInt32, first: Int32 = -1, second: Int32 = -1) throws {
    var word = word
    let number = here.number
    try withAddress(of: &word) { (address) throws(Errno) in
      try DescriptorPassing.send(
        number, from: address, byteCount: 4, first: first, second: second, waits: false)
    }
  }

  private func receive() throws(Errno) -> (word: UInt32, DescriptorPassing.Received) {
    var word: UInt32 = 0
    let number = there.number
    let received = try withAddress(of: &word) { (address) throws(Errno) in
      try DescriptorPassing.receive(number, to: address, capacity: 4, waits: false)
    }
    return (word, received)
  }

  @Test func aMessageNeedsNoDescriptors() throws {
    try send(7)
    let (word, received) = try receive()
    #expect(word == 7)
    #expect(received.byteCount == 4)
    #expect(received.first == -1)
    #expect(received.second == -1)
  }

  @Test(arguments: [1, 2])
  func descriptorsLeadToTheSameFiles(count: Int) throws {
    let ends = try Pipes.make()
    let reader = FileDescriptor(adopting: ends.reader)
    let writer = FileDescriptor(adopting: ends.writer)
    try send(1, first: reader.number, second: count == 2 ? writer.number : -1)
    let (_, received) = try receive()
    let first = FileDescriptor(adopting: received.first)
    #expect(try FileStatus(of: first.number).isSameFile(as: FileStatus(of: reader.number)))
    #expect(try Descriptors.flags(first.number) == 1)  // FD_CLOEXEC
    #expect((received.second >= 0) == (count == 2))
    if received.second >= 0 { closeDescriptor(received.second) }
  }

  @Test func nothingToReceiveIsTryAgain() {
    #expect(throws: Errno.tryAgain) { try receive() }
  }

  @Test func aClosedEndGivesNoBytes() throws {
    try Sockets.shutDown(here.number, how: 1)
    #expect(try receive().1.byteCount == 0)
  }

  @Test func theOtherEndIsThisProcess() throws {
    let peer = try PeerCredentials(of: here.number)
    #expect(peer.process == Process.ownID)
    #expect(peer.user == OwnIDs.effectiveUser)
    #expect(peer.isOwnUserOrRoot)
  }
}
