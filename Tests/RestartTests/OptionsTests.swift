import Kernel
import KernelABI
import Testing

@testable import Restart

/// Lays a command line down as the kernel does, and parses it.
private func options(_ words: [String]) throws(RestartFailure) -> Options {
  let stack: Address
  do throws(Errno) {
    stack = try Mapping.map(byteCount: 65536, .read | .write, .private | .anonymous)
  } catch {
    throw RestartFailure(.failed, "no memory for the test", errno: error)
  }
  Memory.store(UInt64(words.count + 1), at: stack)
  var text = stack + 4096
  for (index, word) in (["restart"] + words).enumerated() {
    Memory.store(text.rawValue, at: stack + UInt64(8 + index * 8))
    for byte in Array(word.utf8) + [0] {
      Memory.store(byte, at: text)
      text = text + 1
    }
  }
  return try Options(parsing: Arguments(stack: stack))
}

private func string(_ text: Text?) -> String? {
  text.map { text in String(decoding: (0..<text.byteCount).map(text.byte(at:)), as: UTF8.self) }
}

@Suite struct OptionsTests {
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
    ["--fresh-pids", "--private-pids", "a"],
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
