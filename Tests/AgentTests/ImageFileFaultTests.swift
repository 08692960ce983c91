import Foundation
import Kernel
import KernelABI
import TestSupport
import Testing

@testable import Agent

/// Each system call that makes an image file fails once, with an error and by a signal.
@Suite struct ImageFileFaultTests {
  private static func write(_ path: String) throws {
    var scratch = try Arena(mapping: 1 << 20)
    defer { _ = try? Mapping.unmap(scratch.range) }
    var place = try ImagePath(in: &scratch)
    for byte in path.utf8 { try place.append(byte) }
    let file = try ImageOutput.create(place, replaces: true, scratch: &scratch)
    let number = file.number
    let text: StaticString = "new"
    let bytes = FileDescriptor(adopting: number)
    var failure: Errno?
    do throws(Errno) { try bytes.writeFully(from: text.address, byteCount: 3) } catch {
      failure = error
    }
    _ = bytes.relinquish()
    if let failure {
      file.discard()
      throw failure
    }
    try file.commit()
  }

  @Test(arguments: [Errno.noSpace, .interrupted, .accessDenied, .noSuchFile])
  func leavesTheOldImageOrTheNewOne(error: Errno) throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appending(path: "image").path
    var refusals = 0
    for call in 1... {
      try Data("old".utf8).write(to: folder.url.appending(path: "image"))
      var isWritten = false
      let outcome = Faults.failing(call: call, with: error) {
        isWritten = (try? Self.write(path)) != nil
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
      #expect(names == ["image"], "call \(call), \(error)")
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(isWritten ? text == "new" : text == "old" || text == "new", "call \(call)")
      if !isWritten { refusals += 1 }
      guard outcome.happened else { break }
    }
    #expect(error == .interrupted || refusals > 2)
  }
}
