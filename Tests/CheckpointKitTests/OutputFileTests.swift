import CheckpointKit
import Foundation
import KernelABI
import Testing

@Suite final class OutputFileTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? []
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  @Test func theNameAppearsOnlyWithCommit() throws {
    let file = try OutputFile(path: path("image"))
    // Where the file system has files without a name, there is none until then.
    #expect(names.count <= 1 && !names.contains("image"))
    try file.commit()
    #expect(names == ["image"])
    #expect(try HostFiles.facts(of: path("image")).mode == 0o600)
  }

  @Test func whatIsNotCommittedLeavesNothingAndChangesNothing() throws {
    try Data("old".utf8).write(to: folder.appending(path: "image"))
    do {
      let file = try OutputFile(path: path("image"))
      #expect(file.number > 2)
    }
    #expect(names == ["image"])
    #expect(try HostFiles.text(of: path("image")) == "old")
  }

  @Test func aLinkStaysALink() throws {
    try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: "image")
    try OutputFile(path: path("link")).commit()
    #expect(try HostFiles.linkTarget(path("link")) == "image")
    #expect(names == ["image", "link"])
  }

  @Test func devicesAreWrittenInPlace() throws {
    try OutputFile(path: "/dev/null").commit()
    #expect(try HostFiles.facts(of: "/dev/null").kind == .character)
  }

  @Test(arguments: [("", Errno.isDirectory), ("none/image", .noSuchFile)])
  func placesThatCannotBeWrittenAreRefused(name: String, errno: Errno) {
    #expect(throws: errno) { try OutputFile(path: path(name)).commit() }
    #expect(names.isEmpty)
  }
}
