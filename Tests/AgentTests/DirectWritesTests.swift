import Foundation
import Kernel
import KernelABI
import Testing

@testable import Agent

/// Into a file in the build folder, which is on a disk; where that has no direct writes, the test
/// says so by not running.
@Suite struct DirectWritesTests {
  private static let folder = FileManager.default.currentDirectoryPath + "/.build"

  private func write(
    _ pieces: [(byte: UInt8, byteCount: UInt64)], flags: OpenFlags
  ) throws -> (contents: Data, wasOn: Bool) {
    let path = "\(Self.folder)/direct-writes-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    var line = Line()
    for byte in path.utf8 { line.append(byte) }
    let descriptor = try line.withPath { (address) throws(Errno) in
      try Kernel.Files.open(path: address, flags)
    }
    defer { closeDescriptor(descriptor) }
    var writes = DirectWrites(descriptor, byteCount: 64 << 20, endsWithProcess: true)
    let wasOn = writes.isOn
    guard wasOn else { return (Data(), false) }
    var offset: UInt64 = 0
    for piece in pieces {
      let stage = try writes.freeStage()
      for index in 0..<piece.byteCount { Memory.store(piece.byte, at: stage + index) }
      try writes.write(from: stage, byteCount: piece.byteCount, at: offset)
      offset += piece.byteCount
    }
    try writes.finish()
    #expect(try Descriptors.status(descriptor).rawValue & OpenFlags.direct.rawValue == 0)
    return (try Data(contentsOf: URL(filePath: path)), wasOn)
  }

  @Test func morePiecesThanStagesArriveInTheirPlaces() throws {
    let pieces = (1...11).map { (byte: UInt8($0), byteCount: UInt64($0 % 3 + 1) * pageByteCount) }
    let (contents, wasOn) = try write(pieces, flags: .writeOnly)
    guard wasOn else { return }
    let expected = pieces.map { Data(repeating: $0.byte, count: Int($0.byteCount)) }
    #expect(contents == expected.reduce(Data(), +))
  }

  /// As a last piece may be, which no disk takes in this way.
  @Test func piecesThatAreNoWholeBlocksArriveToo() throws {
    let pieces: [(byte: UInt8, byteCount: UInt64)] = [(1, 4096), (2, 100), (3, 8192)]
    let (contents, wasOn) = try write(pieces, flags: .writeOnly)
    guard wasOn else { return }
    let expected = pieces.map { Data(repeating: $0.byte, count: Int($0.byteCount)) }
    #expect(contents == expected.reduce(Data(), +))
  }

  @Test func whatCannotBeWrittenIsReported() throws {
    #expect(throws: Errno.badDescriptor) {
      guard try write([(1, 4096)], flags: .readOnly).wasOn else { throw Errno.badDescriptor }
    }
  }

  @Test func whatMustBeTakenDownAgainIsForLargeFiles() {
    let isOn = DirectWrites(1, byteCount: 64 << 20, endsWithProcess: false).isOn
    #expect(!isOn)
  }

  @Test func smallFilesAreNotWorthIt() {
    let isOn = DirectWrites(1, byteCount: 1 << 20, endsWithProcess: true).isOn
    #expect(!isOn)
  }
}
