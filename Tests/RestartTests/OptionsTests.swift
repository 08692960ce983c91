import CImage
import Kernel
import KernelABI
import Testing

@testable import Restart

/// Lays a command line down as the kernel does, and parses it.
private func options(_ words: [String]) throws(RestartFailure) -> RestartOptions {
  try RestartOptions(parsing: try arguments(words, environment: []))
}

/// Lays a command line and an environment down as the kernel does.
private func arguments(
  _ words: [String], environment: [String]
) throws(RestartFailure) -> Arguments {
  let stack: Address
  do throws(Errno) {
    stack = try Mapping.map(byteCount: 65536, .read | .write, .private | .anonymous)
  } catch {
    throw RestartFailure(.failed, "no memory for the test", errno: error)
  }
  Memory.store(UInt64(words.count + 1), at: stack)
  var text = stack + 4096
  let strings = ["restart"] + words + environment
  for (index, word) in strings.enumerated() {
    let slot = index > words.count ? index + 1 : index
    Memory.store(text.rawValue, at: stack + UInt64(8 + slot * 8))
    for byte in Array(word.utf8) + [0] {
      Memory.store(byte, at: text)
      text = text + 1
    }
  }
  return Arguments(stack: stack)
}

/// What a program finds in a block of arguments.
private func found(in arguments: ProgramArguments) throws -> (words: [String], variables: [String])
{
  let count = roundedUpToPage(arguments.byteCount)
  let start = try Mapping.map(byteCount: count, .read | .write, .private | .anonymous)
  arguments.put(in: try #require(AddressRange(start: start, byteCount: count)))
  let block = Memory.load(ckpt_restart_arguments.self, at: start)
  func strings(_ address: UInt64) -> [String] {
    var strings: [String] = []
    while true {
      let next = Memory.load(UInt64.self, at: Address(address) + UInt64(strings.count) * 8)
      guard next != 0 else { return strings }
      strings.append(string(ByteString(terminatedAt: Address(next))) ?? "")
    }
  }
  let words = strings(block.argv)
  #expect(block.argc == UInt64(words.count) && block.byte_count == count)
  return (words, strings(block.envp))
}

private func string(_ text: ByteString?) -> String? {
  text.map { text in String(decoding: (0..<text.byteCount).map(text.byte(at:)), as: UTF8.self) }
}

@Suite struct OptionsTests {
  @Test func whatIsBehindTheDashesIsForTheProgram() throws {
    let all = try arguments(
      ["-v", "--", "i", "--", "--help", "", "--", "b c"], environment: ["A=1", "B="])
    let options = try RestartOptions(parsing: all)
    #expect(string(options.image) == "i" && options.isVerbose)
    let given = try found(in: options.arguments)
    #expect(given.words == ["i", "--help", "", "--", "b c"])
    #expect(given.variables == ["A=1", "B="])
    let none = try found(
      in: try RestartOptions(parsing: arguments(["i", "-v"], environment: [])).arguments)
    #expect(none.words == ["i"] && none.variables.isEmpty)
  }

  @Test func everyWordOfAnExecutableIsForTheProgram() throws {
    let words = ["--help", "--", "-v", "x"]
    let options = RestartOptions(ofExecutable: try arguments(words, environment: ["C=3"]))
    #expect(options.request == .restart && options.isExecutable && options.ids == .sameOrPrivate)
    let given = try found(in: options.arguments)
    #expect(given.words == ["restart"] + words && given.variables == ["C=3"])
  }

  @Test func oneWordAloneAsksAnExecutableWhatItIs() throws {
    let asked = RestartOptions(ofExecutable: try arguments(["--ckpt-help"], environment: []))
    #expect(asked.request == .describe)
    let given = RestartOptions(ofExecutable: try arguments(["--ckpt-help", "x"], environment: []))
    #expect(given.request == .restart)
  }

  @Test func anImageAloneIsEnough() throws {
    let options = try options(["myckpt"])
    #expect(string(options.image) == "myckpt")
    #expect(options.request == .restart && options.ids == .same)
    #expect(!options.detaches && !options.isVerbose && options.pidFile == nil)
  }

  @Test(arguments: [
    ["--detach", "--verbose", "--pidfile", "p", "i"], ["i", "-d", "-v", "--pidfile=p"],
  ])
  func optionsStandBeforeOrBehindTheImage(words: [String]) throws {
    let options = try options(words)
    #expect(string(options.image) == "i" && string(options.pidFile) == "p")
    #expect(options.detaches && options.isVerbose)
  }

  @Test func pathsThatDifferAreTaken() throws {
    #expect(try options(["--map", "/a=/b", "i", "--map=/c=/d"]).map.count == 2)
    #expect(try options(["i"]).map.isEmpty)
  }

  @Test func behindTwoDashesEverythingIsAnImage() throws {
    #expect(string(try options(["--", "--help"]).image) == "--help")
  }

  @Test func idsAreChosenOnce() throws {
    #expect(try options(["--fresh-pids", "i"]).ids == .fresh)
    #expect(try options(["i"]).laziness == .none)
    #expect(try options(["--lazy", "i"]).laziness == .background)
    #expect(try options(["--lazy-touched", "i"]).laziness == .touched)
    #expect(try options(["--private-pids", "--private-pids", "i"]).ids == .private)
  }

  @Test func helpNeedsNoImage() throws {
    #expect(try options(["--help"]).request == .help)
    #expect(try options(["--version", "--nonsense"]).request == .version)
  }

  @Test(arguments: [
    [], [""], ["a", "b"], ["--what", "a"], ["-x", "a"], ["a", "--pidfile"], ["a", "--pidfile="],
    ["--fresh-pids", "--private-pids", "a"], ["a", "--map"], ["a", "--map="],
    ["--map", "/a", "a"], ["--map=a=/b", "a"],
  ])
  func refusesWhatMakesNoSense(words: [String]) {
    do {
      _ = try options(words)
      Issue.record("accepted \(words)")
    } catch {
      #expect(error.status == .usage)
    }
  }
}
