import CImage
import CheckpointImage
import Foundation
import TestImages
import TestSupport
import Testing

@Suite struct CheckpointImageFileTests {
  private static let whole = TestImage.small().bytes()

  @Test func showsWhatAnImageHolds() throws {
    var source = MemorySource(Self.whole)
    let file = try CheckpointImageFile(from: &source)
    #expect(file.image.label == "before the upgrade")
    #expect(file.image.identity == "fedcba98765432100123456789abcdef")
    #expect(file.image.parent?.identity == nil)
    #expect(file.process.arguments == ["prog", "--fast"])
    #expect(file.process.groups == [4, 24])
    #expect(file.threads.map(\.tid) == [4312, 4313])
    #expect(file.threads.first?.name == "prog")
    #expect(file.threads.map(\.systemCall) == [nil, 202])
    #expect(file.regions.map(\.protection) == ["r-xp", "rw-p", "rw-s", "r-xp", "--xp"])
    #expect(file.regions[1].storedByteCount == 301 * 4096)
    #expect(file.regions[1].zeroByteCount == 2 * 4096)
    #expect(file.regions[2].objectByteCount == 2 * 4096)
    #expect(file.objects.map(\.kind) == [.memfd, .bytes])
    #expect(file.files.map(\.kind) == ["terminal", "pipe"])
    #expect(file.descriptors.map(\.number) == [0, 1, 7])
    #expect(file.descriptors.last?.closesOnExec == true)
    #expect(file.limits.count == 16)
  }

  @Test func goesThroughJSON() throws {
    var source = MemorySource(Self.whole)
    let file = try CheckpointImageFile(from: &source)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = try encoder.encode(file)
    let again = try JSONDecoder().decode(CheckpointImageFile.self, from: text)
    #expect(try encoder.encode(again) == text)
  }

  @Test func verifiesAWholeImage() throws {
    var source = MemorySource(Self.whole)
    var last: UInt64 = 0
    let report = try CheckpointImageFile.verify(&source, progress: { last = $0 })
    #expect(report.isIntact)
    #expect(report.pieceCount == 309)
    #expect(last > 0)
  }

  @Test func namesTheDamagedRegion() throws {
    let index = try index(of: Self.whole)
    var bytes = Self.whole
    bytes[Int(index.headByteCount) + 4096 * 2 + 5] ^= 1
    bytes[Int(index.digestsOffset) - 4096 + 50] ^= 1
    bytes[Int(index.digestsOffset) - 1] ^= 1
    var source = MemorySource(bytes)
    let report = try CheckpointImageFile.verify(&source)
    #expect(
      report.damages.map(\.owner) == ["region 400000-403000 /usr/bin/prog", "object 1"])
    #expect(report.damages.map(\.byteCount) == [4096, 4096])
    #expect(report.damagedPieceCount == 2)
  }

  /// Every byte behind the data is checked, too.
  @Test func seesDamageOfTheEnd() throws {
    let index = try index(of: Self.whole)
    for offset in Int(index.end.namesOffset)..<Self.whole.count {
      var bytes = Self.whole
      bytes[offset] ^= 0x40
      var source = MemorySource(bytes)
      #expect(throws: ImageError.self, "offset \(offset)") {
        try CheckpointImageFile.verify(&source)
      }
    }
  }
}

/// What other tools say of an image.
@Suite struct ForeignReaderTests {
  @Test(arguments: ["readelf -aW", "objdump -p", "eu-readelf -ln"])
  func readsAnImageWithoutAWarning(command: String) throws {
    let folder = try TemporaryFolder()
    try Data(TestImage.small().bytes()).write(to: folder.url.appending(path: "image"))
    let words = command.split(separator: " ").map(String.init)
    guard try Tool("which", [words[0]]).status == 0 else { return }
    let tool = try Tool(words[0], Array(words.dropFirst()) + ["image"], in: folder.url)
    #expect(tool.status == 0, "\(tool.output)")
    let lowercased = tool.output.lowercased()
    #expect(!lowercased.contains("warning") && !lowercased.contains("error"), "\(tool.output)")
    #expect(lowercased.contains("load"))
  }
}
