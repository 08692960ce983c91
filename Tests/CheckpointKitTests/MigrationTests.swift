import Testing

@testable import CheckpointKit

@Suite struct FarWordTests {
  @Test(arguments: [
    ("ckpt-migrate send", RemoteReply.send), ("ckpt-migrate have", .have),
    ("ckpt-migrate ready", .ready), ("ckpt-migrate runs 4711", .runs(4711)),
    ("ckpt-migrate failed", .failed), ("ckpt-migrate need", .need),
    ("ckpt-migrate at fe80::1%eth0 7700", .at(host: "fe80::1%eth0", port: 7700)),
  ])
  func words(line: String, word: RemoteReply) { #expect(RemoteReply(line: line) == word) }

  @Test(arguments: [
    "", "Welcome!", "ckpt-migrate", "ckpt-migrate ", "ckpt-migrate runs", "ckpt-migrate runs 0",
    "ckpt-migrate runs -1", "ckpt-migrate runs 99999999999", "ckpt-migrate ready 1",
    " ckpt-migrate ready", "ckpt-migrate at here", "ckpt-migrate at here 0",
    "ckpt-migrate at here 65536",
  ])
  func others(line: String) { #expect(RemoteReply(line: line) == nil) }
}

@Suite struct RemoteScriptTests {
  private func command(output: String) -> String {
    RemoteScript(byteCount: 4711, ids: .private, patience: 60, output: output).command
  }

  @Test func isOneWordBehindTheShell() {
    let command = command(output: "/dev/null")
    #expect(command.hasPrefix("exec sh -c '"))
    #expect(command.filter { $0 == "'" }.count == 2)
    #expect(!command.contains("\n") && !command.contains("!"))
    #expect(command.contains("head -c 4711 "))
    #expect(command.contains(" --private-pids"))
  }

  @Test func pathsThatDifferAreHandedOn() {
    var script = RemoteScript(byteCount: 1, ids: .same, patience: 60, output: "/dev/null")
    script.map = ["/a b=/c$d", "/e=/f"]
    #expect(script.command.hasSuffix(" --map \"/a b=/c\\$d\" --map \"/e=/f\"'"))
  }

  @Test func anAddressIsOneWord() {
    var script = RemoteScript(byteCount: 1, ids: .same, patience: 60, output: "f")
    script.helper = .init(
      byteCount: 4712, isAttached: true, endpoint: .init(host: "a$(b)", port: 77))
    let command = script.command
    #expect(command.filter { $0 == "'" }.count == 2)
    #expect(!command.contains("\n") && !command.contains("!"))
    #expect(command.contains("head -c 4712 "))
    #expect(command.contains("--attach --port 77 --address \"a\\$(b)\""))
  }

  @Test func nothingInANameIsRun() {
    let command = command(output: "a'b\"c$(d)`e`\\f")
    #expect(command.contains("a'\\''b\\\"c\\$(d)\\`e\\`\\\\f"))
  }
}

@Suite struct CandidateTests {
  /// Of a process with a name that looks like more fields.
  private static let stat =
    "42 (a) S 1 (b) S 1 42 42 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 12345 1000 10 0"

  @Test func ages() {
    #expect(Candidate.age(stat: Self.stat, now: 200_000_000_000) == 76_550_000_000)
    #expect(Candidate.age(stat: Self.stat, now: 0) == 0)
    #expect(Candidate.age(stat: "", now: 1) == 0)
  }

  @Test func memory() {
    #expect(Candidate.memory(statm: "1000 25 3 4 0 6 0\n") == 25 * 4096)
    #expect(Candidate.memory(statm: "x") == 0)
  }
}

@Suite struct LinkFrameTests {
  @Test func framesComeOneByOne() throws {
    var bytes = LinkFrame.input.framed([1, 2, 3]) + LinkFrame.inputEnd.framed() + [6, 1, 0, 0]
    let first = try #require(try LinkFrame.next(of: &bytes))
    #expect(first.kind == .input && first.bytes == [1, 2, 3])
    let second = try #require(try LinkFrame.next(of: &bytes))
    #expect(second.kind == .inputEnd && second.bytes.isEmpty)
    #expect(try LinkFrame.next(of: &bytes) == nil)
    bytes += [0, 15]
    #expect(try LinkFrame.next(of: &bytes)?.bytes == [15])
  }

  @Test(arguments: [0, 10, 255] as [UInt8])
  func whatIsUnknownIsRefused(kind: UInt8) {
    var bytes: [UInt8] = [kind, 0, 0, 0, 0]
    #expect(throws: StreamFailure.damaged(.link)) { _ = try LinkFrame.next(of: &bytes) }
  }

  @Test(arguments: [1_048_577, .max] as [UInt32])
  func whatIsTooLongIsRefused(count: UInt32) {
    var bytes = LinkFrame.input.header(Int(count))
    #expect(throws: StreamFailure.damaged(.link)) { _ = try LinkFrame.next(of: &bytes) }
  }

  @Test func onlyTheTokenIsLetIn() {
    let secrets = LinkSecrets(Array(0..<64))
    #expect(secrets.key == Array(0..<32) && secrets.bytes == Array(0..<64))
    #expect(secrets.admits(Array(32..<64)))
    #expect(!secrets.admits(Array(0..<32)) && !secrets.admits([]))
    #expect(!secrets.admits(Array(32..<63)) && !secrets.admits(Array(32..<65)))
  }
}
