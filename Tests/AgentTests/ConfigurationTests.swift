import CImage
import Procfs
import Testing

@testable import Agent

private func configuration(_ variables: String...) -> Configuration {
  var configuration = Configuration()
  let text = variables.map { Array($0.utf8) + [0] }.joined()
  unsafe Array(text).withUnsafeBytes { unsafe configuration.parse($0.bytes) }
  return configuration
}

@Suite struct ConfigurationTests {
  @Test func withoutVariablesEverythingHasItsDefault() {
    let plain = configuration("HOME=/root", "XCKPT_KEEP=3")
    #expect(plain.writing == .automatic && plain.tracking == .none && plain.fullEvery == 16)
    #expect(!plain.precopies && !plain.isThin && plain.interval == 0 && plain.keep == 0)
    #expect(!plain.isSeries)
  }

  @Test func everyVariableIsTaken() {
    let all = configuration(
      "CKPT_SYNC=1", "CKPT_INCREMENTAL=1", "CKPT_FULL_EVERY=4096", "CKPT_PRECOPY=1", "CKPT_THIN=1",
      "CKPT_INTERVAL=10m", "CKPT_KEEP=3", "CKPT_TIMEOUT=7")
    #expect(all.writing == .inPlace && all.tracking == .writes && all.fullEvery == 4096)
    #expect(all.precopies && all.isThin && all.interval == 600_000_000_000 && all.keep == 3)
    #expect(all.timeoutSeconds == 7 && all.isSeries)
    #expect(configuration("CKPT_SYNC=0").writing == .byClone)
    #expect(configuration("CKPT_INCREMENTAL=digests").tracking == .digests)
    #expect(configuration("CKPT_KEEP=1").isSeries && !configuration("CKPT_KEEP=0").isSeries)
  }

  @Test(arguments: [
    "CKPT_SYNC=2", "CKPT_SYNC=", "CKPT_SYNC=yes", "CKPT_INCREMENTAL=digest",
    "CKPT_INCREMENTAL=digestsx", "CKPT_FULL_EVERY=0", "CKPT_FULL_EVERY=4097", "CKPT_PRECOPY=11",
    "CKPT_THIN=-1", "CKPT_KEEP=-1", "CKPT_KEEP=4294967296", "CKPT_KEEP=18446744073709551617",
    "CKPT_KEEP=3 ", "CKPT_INTERVAL=", "CKPT_INTERVAL=0", "CKPT_INTERVAL=-5", "CKPT_INTERVAL=x",
    "CKPT_INTERVAL=1.5h", "CKPT_INTERVAL=10mm", "CKPT_INTERVAL=367d", "CKPT_INTERVAL=0s",
    "CKPT_INTERVAL=18446744073709551617", "CKPT_INTERVAL=99999999999h",
  ])
  func whatCantBeUsedLeavesTheDefault(variable: String) {
    let result = configuration(variable)
    #expect(result.writing == .automatic && result.tracking == .none && result.fullEvery == 16)
    #expect(!result.precopies && !result.isThin && result.interval == 0 && result.keep == 0)
  }

  @Test(arguments: [
    ("90", 90_000), ("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000),
    ("366d", 31_622_400_000),
  ])
  func timesHaveUnits(text: String, milliseconds: UInt64) {
    #expect(configuration("CKPT_INTERVAL=\(text)").interval == milliseconds * 1_000_000)
  }

  @Test func aRequestAddsToTheConfiguration() {
    let plain = Configuration()
    #expect(CheckpointOptions(plain, flags: 0).writing == .automatic)
    #expect(CheckpointOptions(plain, flags: CKPT_REQUEST_SYNC).writing == .inPlace)
    #expect(CheckpointOptions(plain, flags: CKPT_REQUEST_KILL).writing == .inPlace)
    #expect(CheckpointOptions(plain, flags: CKPT_REQUEST_INCREMENTAL).tracking == .writes)
    let digests = configuration("CKPT_INCREMENTAL=digests", "CKPT_THIN=1")
    let options = CheckpointOptions(digests, flags: CKPT_REQUEST_INCREMENTAL | CKPT_REQUEST_FULL)
    #expect(options.tracking == .digests && options.isFull && options.isThin && !options.precopies)
  }
}
