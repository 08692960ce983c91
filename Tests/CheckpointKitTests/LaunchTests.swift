import CheckpointKit
import KernelABI
import Testing

private func environment(_ entries: String...) -> Environment {
  Environment(entries: entries.map { Array($0.utf8) })
}

private func launch(_ settings: Setting...) -> AgentLaunch {
  AgentLaunch(program: "/bin/x", arguments: [[120]], agent: "/opt/libckpt.so", settings: settings)
}

@Suite struct LaunchTests {
  @Test func theAgentComesInFrontOfWhatIsPreloaded() {
    let preloads = [
      ("A=1", "/opt/libckpt.so"), ("LD_PRELOAD=", "/opt/libckpt.so"),
      ("LD_PRELOAD=/a.so /b.so", "/opt/libckpt.so:/a.so:/b.so"),
      ("LD_PRELOAD=/a.so:/opt/libckpt.so", "/opt/libckpt.so:/a.so"),
    ]
    for (entry, result) in preloads {
      #expect(launch().environment(from: environment(entry)).value(of: "LD_PRELOAD") == result)
    }
  }

  @Test func settingsReplaceWhatWasThereAndTheRestStays() {
    let result = launch(Setting("CKPT_FILE", "new"))
      .environment(from: environment("CKPT_FILE=old", "CKPT_FILES=x", "HOME=/root"))
    #expect(result.value(of: "CKPT_FILE") == "new")
    #expect(result.value(of: "CKPT_FILES") == "x" && result.value(of: "HOME") == "/root")
    #expect(result.entries.count == 4)
  }

  @Test func bytesThatAreNotTextStayAsTheyAre() {
    let odd = Environment(terminated: [0x41, 0x3D, 0xFF, 0xFE, 0, 0x42, 0x3D, 0])
    #expect(
      launch().environment(from: odd).entries.prefix(2) == [
        [0x41, 0x3D, 0xFF, 0xFE], [0x42, 0x3D],
      ])
  }

  @Test func programsAreToldApart() throws {
    #expect(programKind(of: Array("#! /bin/sh -e\n".utf8)) == .script(interpreter: "/bin/sh"))
    #expect(programKind(of: []) == .unknown)
    #expect(programKind(of: [0x7F, 0x45, 0x4C, 0x46, 1]) == .foreign)
    #expect(programKind(of: try HostFiles.contents(of: "/bin/sh", limit: 4096)) == .dynamic)
  }

  @Test func everyPrefixOfAProgramIsSomething() throws {
    let head = try HostFiles.contents(of: "/bin/sh", limit: 1024)
    for count in 0...head.count { _ = programKind(of: Array(head.prefix(count))) }
  }

  @Test func programsAreFoundAsAShellFindsThem() throws {
    #expect(try locateProgram("sh", searchPath: "/nowhere:/bin") == "/bin/sh")
    #expect(try locateProgram("/bin/sh", searchPath: nil) == "/bin/sh")
    #expect(throws: LaunchFailure.programNotFound("no-such")) {
      try locateProgram("no-such", searchPath: "/bin")
    }
    #expect(throws: LaunchFailure.programNotExecutable("/etc/passwd", .accessDenied)) {
      try checkLoadable("/etc/passwd")
    }
    #expect(throws: LaunchFailure.programNotExecutable("/tmp", .isDirectory)) {
      try checkLoadable("/tmp")
    }
  }

  @Test func theAgentIsLookedForBesideTheCommandAndInLibraries() {
    let installation = Installation(folder: "/usr/bin")
    #expect(
      installation.agentCandidates(override: nil) == [
        "/usr/bin/libckpt.so", "/usr/lib/libckpt.so", "/usr/lib/ckpt/libckpt.so",
      ])
    #expect(installation.agentCandidates(override: "/x.so") == ["/x.so"])
    #expect(throws: LaunchFailure.agentNotFound(searched: ["/x.so"])) {
      try installation.agent(override: "/x.so")
    }
  }
}
