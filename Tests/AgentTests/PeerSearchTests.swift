import CImage
import Kernel
import KernelABI
import Procfs
import Testing

import CheckpointImage
@testable import Agent

/// Files and descriptors as a survey lists them, without a kernel behind them.
private struct Listing {
  var arena: Arena
  var files: Table<ckpt_file>
  var descriptors: Table<ckpt_descriptor>
  var connections: ConnectionList

  init() throws {
    arena = try Arena(mapping: 1 << 20)
    files = try Table(in: &arena, capacity: 64)
    descriptors = try Table(in: &arena, capacity: 64)
    connections = try ConnectionList(in: &arena, capacity: 64)
  }

  @discardableResult
  mutating func add(
    _ number: Int32, inode: UInt64, mode: UInt32 = fifo, flags: OpenFlags = .readOnly
  ) throws -> Int {
    var file = ckpt_file()
    file.inode = inode
    file.device = 12
    file.mode = mode
    file.status_flags = UInt32(bitPattern: flags.rawValue)
    let index = try files.append(file)
    try descriptors.append(
      ckpt_descriptor(number: number, flags: 0, file: UInt32(index), reserved: 0))
    return index
  }

  var search: PeerSearch {
    PeerSearch(files: files, descriptors: descriptors, connections: connections, process: 77)
  }

  func end() throws { try Mapping.unmap(arena.range) }
}

private let fifo: UInt32 = 0o010600
private let socket: UInt32 = 0o140777
private let regular: UInt32 = 0o100644

@Suite struct PeerSearchTests {
  // MARK: Pipes

  @Test func theOtherEndOfAnOwnPipeIsFoundWithoutTheKernel() throws {
    var listing = try Listing()
    let reader = try listing.add(5, inode: 1)
    try listing.add(6, inode: 2, flags: .writeOnly)
    let writer = try listing.add(7, inode: 1, flags: .writeOnly)
    let search = listing.search
    #expect(
      try search.pipe(reader) { (_) throws(CaptureFailure) in
        throw CaptureFailure(.prepare, .invalid)
      } == .own(writer))
    #expect(
      try search.pipe(writer) { (_) throws(CaptureFailure) in
        throw CaptureFailure(.prepare, .invalid)
      } == .own(reader))
    try listing.end()
  }

  @Test func anEndOpenedForPathsIsNoEnd() throws {
    var listing = try Listing()
    let reader = try listing.add(5, inode: 1)
    try listing.add(7, inode: 1, flags: .writeOnly | .path)
    #expect(listing.search.ends(ofPipe: reader) == .init(reader: reader, writer: nil))
    try listing.end()
  }

  @Test func oneDescriptionForBothIsBothEnds() throws {
    var listing = try Listing()
    let both = try listing.add(5, inode: 1, flags: .readWrite | .direct)
    #expect(
      listing.search.ends(ofPipe: both) == .init(reader: both, writer: both, hasPackets: true))
    try listing.end()
  }

  @Test func aPipeThatNobodyHasIsGone() throws {
    var listing = try Listing()
    let end = try listing.add(0, inode: 1)
    #expect(try listing.search.pipe(end) { _ in false } == .gone)
    try listing.end()
  }

  @Test func aPipeToAnotherProcessIsAStandardStreamWhereTheProgramHasItThere() throws {
    var listing = try Listing()
    try listing.add(0, inode: 3)
    try listing.add(2, inode: 1, flags: .writeOnly)
    let copy = try listing.add(9, inode: 1, flags: .writeOnly)
    #expect(try listing.search.pipe(copy) { _ in true } == .standard(2))
    try listing.end()
  }

  @Test func aStreamPutAsideStandsForTheOneThatWasRedirected() throws {
    var listing = try Listing()
    try listing.add(0, inode: 8, mode: regular)
    try listing.add(1, inode: 9, mode: regular)
    let output = try listing.add(7, inode: 1, flags: .writeOnly)
    let input = try listing.add(8, inode: 2)
    #expect(try listing.search.pipe(output) { _ in true } == .standard(1))
    #expect(try listing.search.pipe(input) { _ in true } == .standard(0))
    try listing.end()
  }

  @Test func anyOtherPipeToAnotherProcessIsOutside() throws {
    var listing = try Listing()
    try listing.add(0, inode: 8, mode: 0o020600)
    try listing.add(1, inode: 9, mode: 0o020600)
    let output = try listing.add(7, inode: 1, flags: .writeOnly)
    #expect(try listing.search.pipe(output) { _ in true } == .outside)
    try listing.end()
  }

  // MARK: Sockets

  @Test func aUnixSocketsPeerIsFoundByHalfAnInode() throws {
    var listing = try Listing()
    let one = try listing.add(3, inode: 0x7_0000_0001, mode: socket)
    try listing.add(4, inode: 0x9_0000_0002, mode: fifo)
    let other = try listing.add(5, inode: 0x7_0000_0002, mode: socket)
    let search = listing.search
    #expect(search.unixSocket(one, connectedTo: 2) { $0 == 0x7_0000_0002 } == .own(other))
    try listing.end()
  }

  @Test func aSocketThatOthersAlsoSendToIsNoPeer() throws {
    var listing = try Listing()
    let one = try listing.add(3, inode: 1, mode: socket)
    try listing.add(5, inode: 2, mode: socket)
    #expect(listing.search.unixSocket(one, connectedTo: 2) { _ in false } == .outside)
    try listing.end()
  }

  @Test func aSocketWithoutAPeerIsGoneAndOneElsewhereIsNot() throws {
    var listing = try Listing()
    let stream = try listing.add(1, inode: 1, mode: socket)
    let other = try listing.add(4, inode: 6, mode: socket)
    let search = listing.search
    #expect(search.unixSocket(stream, connectedTo: 0) { _ in true } == .gone)
    #expect(search.unixSocket(stream, connectedTo: 99) { _ in true } == .standard(1))
    #expect(search.unixSocket(other, connectedTo: 99) { _ in true } == .outside)
    try listing.end()
  }

  /// sockaddr_in: family, port in network order, address.
  private func address(_ host: UInt64, _ port: UInt64) throws -> InternetAddress {
    var storage = InlineArray<14, UInt64>(repeating: 0)
    storage[0] = 2 | (port & 0xFF) << 24 | (port >> 8) << 16 | host << 32
    return try #require(InternetAddress(SocketAddress(byteCount: 16, storage)))
  }

  /// sockaddr_in6 of an IPv4 address: family, port, flow, ::ffff:address.
  private func mapped(_ host: UInt64, _ port: UInt64) throws -> InternetAddress {
    var storage = InlineArray<14, UInt64>(repeating: 0)
    storage[0] = 10 | (port & 0xFF) << 24 | (port >> 8) << 16
    storage[2] = host << 32 | 0xFFFF_0000
    return try #require(InternetAddress(SocketAddress(byteCount: 28, storage)))
  }

  @Test func bothEndsOfAConnectionFindEachOtherWhicheverWayTheyAreWritten() throws {
    var listing = try Listing()
    let client = try listing.add(3, inode: 1, mode: socket)
    let other = try listing.add(4, inode: 2, mode: socket)
    let server = try listing.add(5, inode: 3, mode: socket)
    let local: UInt64 = 0x0100_007F
    try listing.connections.append(
      file: client, from: try address(local, 40_000), to: try address(local, 80))
    try listing.connections.append(
      file: other, from: try address(local, 40_001), to: try address(local, 80))
    try listing.connections.append(
      file: server, from: try mapped(local, 80), to: try mapped(local, 40_000))
    let search = listing.search
    #expect(search.connection(client) == .own(server))
    #expect(search.connection(server) == .own(client))
    #expect(search.connection(other) == .outside)
    try listing.end()
  }

  // MARK: What a file refers to

  private func entry(_ number: Int32, inode: UInt64) throws -> FdinfoEpollEntry {
    let hexadecimal = String(inode, radix: 16)
    let text = Array(
      "tfd: \(number) events: 19 data: 5  pos:0 ino:\(hexadecimal) sdev:c\n".utf8)
    return try #require(
      unsafe text.withUnsafeBytes {
        var cursor = unsafe TextCursor($0.bytes)
        return cursor.nextEpollEntry()
      })
  }

  @Test func anEpollEntryWatchesTheFileAtItsNumberUnlessTheKernelSaysElse() throws {
    var listing = try Listing()
    let first = try listing.add(3, inode: 1)
    let second = try listing.add(4, inode: 1)
    let search = listing.search
    #expect(search.target(of: try entry(3, inode: 1)) { _ in nil } == .own(first))
    #expect(search.target(of: try entry(3, inode: 1)) { $0 == second } == .own(second))
    #expect(search.target(of: try entry(9, inode: 1)) { _ in nil } == .outside)
    #expect(search.target(of: try entry(3, inode: 7)) { _ in true } == .outside)
    try listing.end()
  }

  @Test func aPidfdIsOfAMemberOrOfNobodyOrRefused() throws {
    let listing = try Listing()
    #expect(listing.search.process(77) == .member(77))
    #expect(listing.search.process(-1) == .gone)
    #expect(listing.search.process(78) == .outside)
    try listing.end()
  }
}
