import CImage
import CheckpointImage
import CheckpointKit
import Foundation
import KernelABI
import TestImages
import Testing

/// Chains of images in files.
@Suite final class ChainTests {
  private let folder: URL
  private var images: [TestImage] = []

  /// Three images in `folder`: `myckpt.3` needs `myckpt.2`, and that `myckpt.1`.
  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    for name in ["", "elsewhere"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    for number in 1...3 as ClosedRange<UInt64> {
      var image = TestImage.small()
      image.image.identity_low = number
      if let parent = images.last {
        image.runs[3].kind = CKPT_RUN_PARENT
        let name = "myckpt.\(number - 1)"
        image.setParent(parent, name: name, path: path("elsewhere/\(name)"))
      }
      images.append(image)
      try write(image, "myckpt.\(number)")
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private func write(_ image: TestImage, _ name: String) throws {
    try Data(image.bytes()).write(to: folder.appending(path: name))
  }

  private func move(_ name: String, to other: String) throws {
    try FileManager.default.moveItem(atPath: path(name), toPath: path(other))
  }

  private func failure(_ name: String = "myckpt.3") -> ChainFailure? {
    do throws(ChainFailure) {
      _ = try FileChain(path: path(name))
      return nil
    } catch {
      return error
    }
  }

  private func mergeFailure(_ output: String, isThick: Bool = false) -> MergeFailure? {
    do throws(MergeFailure) {
      _ = try merge(path("myckpt.3"), to: path(output), isThick: isThick) { _, _ in }
      return nil
    } catch {
      return error
    }
  }

  private var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? []
  }

  private func identity(_ low: UInt64) -> ImageIdentity {
    ImageIdentity(low: low, high: images[0].image.identity_high)
  }

  // MARK: Finding

  @Test func findsTheWholeChain() throws {
    let chain = try FileChain(path: path("myckpt.3"))
    #expect(chain.files.map(\.path) == ["myckpt.3", "myckpt.2", "myckpt.1"].map(path))
    #expect(chain.images.heads.map(\.identity) == [3, 2, 1].map(identity))
    #expect(try FileChain(path: path("myckpt.1")).files.count == 1)
  }

  @Test func looksWhereTheParentWas() throws {
    try move("myckpt.2", to: "elsewhere/myckpt.2")
    try move("myckpt.1", to: "elsewhere/myckpt.1")
    let chain = try FileChain(path: path("myckpt.3"))
    #expect(chain.files.last?.path == path("elsewhere/myckpt.1"))
  }

  @Test func looksBesideWhatALinkLeadsTo() throws {
    try FileManager.default.createSymbolicLink(
      atPath: path("elsewhere/newest"), withDestinationPath: "../myckpt.3")
    #expect(failure("elsewhere/newest") == nil)
  }

  @Test func passesByAnotherImageOfThatName() throws {
    try move("myckpt.2", to: "elsewhere/myckpt.2")
    try move("myckpt.1", to: "elsewhere/myckpt.1")
    try write(images[0], "myckpt.2")
    #expect(failure() == nil)
  }

  // MARK: Broken chains

  @Test(arguments: [("myckpt.2", "myckpt.3"), ("myckpt.1", "myckpt.2")])
  func namesTheMissingImage(name: String, child: String) throws {
    try FileManager.default.removeItem(atPath: path(name))
    #expect(
      failure()
        == .missing(
          name: name, child: path(child), places: [path(name), path("elsewhere/\(name)")]))
  }

  @Test func namesTheSwappedImage() throws {
    try write(images[2], "myckpt.1")
    #expect(
      failure()
        == .foreign(
          path: path("myckpt.1"), child: path("myckpt.2"), wanted: identity(1), found: identity(3)))
  }

  @Test func namesTheDamagedImage() throws {
    try Data("nothing".utf8).write(to: folder.appending(path: "myckpt.1"))
    guard case .parent(path("myckpt.1"), path("myckpt.2"), .refused(let error)) = failure() else {
      Issue.record("\(String(describing: failure()))")
      return
    }
    #expect(error.refusal == .notElf)
    try Data(images[0].bytes().dropLast()).write(to: folder.appending(path: "myckpt.1"))
    guard case .parent(_, _, .refused(let error)) = failure() else { return }
    #expect(error.refusal == .truncated)
  }

  @Test func seesACycle() throws {
    images[0].setParent(images[2], name: "myckpt.3")
    images[0].runs[3].kind = CKPT_RUN_PARENT
    try write(images[0], "myckpt.1")
    #expect(failure() == .cycle(path: path("myckpt.3"), child: path("myckpt.1")))
  }

  @Test func theImageItself() {
    #expect(failure("none") == .image(.unreadable(.noSuchFile)))
    #expect(failure("elsewhere") == .image(.notAFile(.directory)))
  }

  // MARK: Verifying

  @Test func verifiesAllOfTheChain() throws {
    var last: (UInt64, UInt64) = (0, 0)
    let result = try ChainVerification(path: path("myckpt.3")) { last = ($0, $1) }
    #expect(result.isIntact)
    #expect(result.links.count == 3)
    #expect(last.0 > 0 && last.0 <= last.1)
  }

  @Test func verifyNamesTheDamagedLink() throws {
    var bytes = images[0].bytes()
    bytes[bytes.count / 2] ^= 1
    try Data(bytes).write(to: folder.appending(path: "myckpt.1"))
    let result = try ChainVerification(path: path("myckpt.3")) { _, _ in }
    #expect(!result.isIntact)
    #expect(result.links.map(\.report.isIntact) == [true, true, false])
    #expect(result.links[2].path == path("myckpt.1"))
  }

  // MARK: Merging

  @Test func theMergedImageStandsAlone() throws {
    let made = try merge(path("myckpt.3"), to: path("full"), isThick: false) { _, _ in }
    #expect(made.imageCount == 3)
    #expect(made.path == path("full"))
    #expect(names == ["elsewhere", "full", "myckpt.1", "myckpt.2", "myckpt.3"])
    let chain = try FileChain(path: path("full"))
    #expect(chain.files.count == 1)
    #expect(chain.images.newest.identity == identity(3))
    #expect(chain.images.newest.fileByteCount == made.byteCount)
    #expect(try HostFiles.facts(of: path("full")).byteCount == made.byteCount)
    #expect(try HostFiles.facts(of: path("full")).mode == 0o600)
    #expect(try ChainVerification(path: path("full")) { _, _ in }.isIntact)
  }

  /// What is merged in its place stays the parent of those that need it.
  @Test func anImageMayBeMergedInItsPlace() throws {
    _ = try merge(path("myckpt.2"), to: path("myckpt.2"), isThick: false) { _, _ in }
    try FileManager.default.removeItem(atPath: path("myckpt.1"))
    #expect(failure() == nil)
    #expect(try FileChain(path: path("myckpt.3")).files.count == 2)
    _ = try merge(path("myckpt.3"), to: path("myckpt.3"), isThick: false) { _, _ in }
    #expect(try FileChain(path: path("myckpt.3")).files.count == 1)
  }

  @Test func whatOthersNeedIsNotReplaced() throws {
    #expect(
      mergeFailure("myckpt.1") == .needed(path: path("myckpt.1"), child: path("myckpt.2")))
    #expect(failure() == nil)
  }

  @Test func aDamagedChainLeavesNothing() throws {
    var bytes = images[0].bytes()
    let chain = try FileChain(path: path("myckpt.1"))
    bytes[Int(chain.images.newest.fileByteCount) / 2] ^= 1
    try Data(bytes).write(to: folder.appending(path: "myckpt.1"))
    let before = names
    guard case .data(path("myckpt.1"), .refused(let error)) = mergeFailure("full") else {
      Issue.record("\(String(describing: mergeFailure("full")))")
      return
    }
    #expect(error.refusal == .damagedData)
    #expect(names == before)
  }

  @Test func aPlaceThatCannotBeWrittenIsSaid() {
    #expect(mergeFailure("none/full") == .output(path: path("none/full"), .noSuchFile))
    #expect(mergeFailure("elsewhere") == .output(path: path("elsewhere"), .isDirectory))
  }

  @Test func aFullDeviceIsSaid() {
    do throws(MergeFailure) {
      _ = try merge(path("myckpt.3"), to: "/dev/full", isThick: false) { _, _ in }
      Issue.record("written")
    } catch {
      #expect(error == .output(path: "/dev/full", .noSpace))
    }
  }
}
