import CheckpointKit
import Foundation
import KernelABI
import TestSupport
import Testing

/// A program of Tests/FakeAgent that runs, has a file called libckpt.so in its memory, and answers
/// on the control socket.
private final class FakeAgent {
  let process = Process()
  let folder: URL

  init(_ mode: String) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let source = Repository.root.appending(path: "Tests/FakeAgent/fake_agent.c").path
    try "int ckpt_nothing;".write(toFile: path("agent.c"), atomically: true, encoding: .utf8)
    try Self.compile(["-shared", "-fPIC", "-o", path("libckpt.so"), path("agent.c")])
    try Self.compile(["-Wno-c23-extensions", "-o", path("fake"), source, "-ldl"])
    let output = Pipe()
    process.executableURL = URL(filePath: path("fake"))
    process.arguments = [mode, path("libckpt.so")]
    process.standardOutput = output
    try process.run()
    #expect(output.fileHandleForReading.readData(ofLength: 6) == Data("ready\n".utf8))
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// With clang, which comes with Swift: the protocol's header is C23.
  private static func compile(_ arguments: [String]) throws {
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = ["clang"] + arguments
    try compiler.run()
    compiler.waitUntilExit()
    #expect(compiler.terminationStatus == 0)
  }

  func order(patience: UInt64 = 20_000_000_000) throws -> SaveOrder {
    var order = SaveOrder(
      target: try TargetFacts.read(process.processIdentifier), patience: patience)
    order.output = path("image")
    return order
  }

  /// What is in the folder besides the program itself.
  var results: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
      .filter { !["agent.c", "libckpt.so", "fake"].contains($0) }
  }
}

@Suite(.serialized) struct SaveTests {
  @Test func theAgentGetsWhatWasAskedAndItsAnswerComesBack() throws {
    let agent = try FakeAgent("done")
    var order = try agent.order()
    order.label = "hello"
    let saved = try save(order) { _ in }
    #expect(saved.path == agent.path("image"))
    #expect(saved.written.pause == 2_500_000 && saved.written.threads == 3)
    #expect(try HostFiles.text(of: saved.path).hasPrefix("image flags=1 label=hello tid=1 call="))
    #expect(agent.process.isRunning)
  }

  @Test func withoutANameTheAgentsOwnCounts() throws {
    let agent = try FakeAgent("done")
    var order = try agent.order()
    order.output = nil
    #expect(try save(order) { _ in }.path == "/tmp/default")
    #expect(agent.results.isEmpty)
  }

  @Test func killEndsTheProgramOnceTheImageIsThere() throws {
    let agent = try FakeAgent("done")
    var order = try agent.order()
    order.kills = true
    #expect(try save(order) { _ in }.isKilled)
    agent.process.waitUntilExit()
    #expect(agent.process.terminationStatus == SIGKILL)
    #expect(agent.results == ["image"])
  }

  @Test func itWaitsItsTurnWhileAnotherCheckpointIsWritten() throws {
    let agent = try FakeAgent("waiting")
    let saved = try save(try agent.order()) { _ in }
    #expect(saved.path == agent.path("image"))
    #expect(saved.written.mode == .inPlace && saved.written.cause == .memoryShort)
    #expect(try HostFiles.text(of: saved.path).hasPrefix("image flags=1 label= tid=1 "))
    #expect(agent.results == ["image"])
  }

  @Test func progressIsHeard() throws {
    let agent = try FakeAgent("progress")
    var shares: [UInt64] = []
    _ = try save(try agent.order()) { shares.append($0.done) }
    #expect(shares.count == 21 && shares == shares.sorted())
  }

  @Test(arguments: [
    (
      "fail",
      SaveFailure.agent(
        AgentFailure(step: 8, errno: 95, subject: 7, reason: 7, name: "anon_inode:[io_uring]"))
    ),
    ("vanish", .hungUp), ("other-version", .otherProtocol(9)), ("silent", .noAnswer(seconds: 1)),
    ("die", .ended), ("busy", .busy(seconds: 1)),
  ])
  func whateverFailsLeavesNothingBehind(mode: String, failure: SaveFailure) throws {
    let agent = try FakeAgent(mode)
    var order = try agent.order(
      patience: ["silent", "busy"].contains(mode) ? 1_000_000_000 : 20_000_000_000)
    order.kills = true
    #expect(throws: failure) { try save(order) { _ in } }
    #expect(agent.results.isEmpty)
    #expect(agent.process.isRunning || mode == "die")
  }

  @Test func aProgramWithoutTheAgentIsLeftAlone() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sleep")
    process.arguments = ["100"]
    try process.run()
    let pid = process.processIdentifier
    #expect(throws: SaveFailure.target(.noAgent(pid, name: "sleep"))) {
      // Until it has become sleep it is still a copy of this process.
      while try HostFiles.text(of: "/proc/\(pid)/comm") != "sleep\n" {}
      return try save(SaveOrder(target: try TargetFacts.read(pid), patience: 1_000_000_000)) { _ in
      }
    }
    #expect(process.isRunning)
    // Not SIGTERM: the threads that run tests block it, and that is inherited.
    kill(pid, SIGKILL)
    process.waitUntilExit()
  }
}
