import KernelABI
import Testing

@testable import Restart

@Suite struct RestartHintTests {
  @Test(arguments: [
    (98, "end the program"), (99, "does not have the address"), (2, "folder"),
    (13, "as the user"),
  ])
  func aRefusedAddressHasTheHintOfItsError(errno: Int32, words: String) {
    let hint = "\(SocketName.hint(for: Errno(rawValue: errno)))"
    #expect(hint.contains(words))
    #expect(hint.contains("end the program") == (errno == 98))
  }

  @Test(arguments: [0, 1, 2, 5, 12, 13, 20, 22, 24, 28, 98] as [Int32])
  func everyRefusalHasAHint(errno: Int32) {
    let all: [RestartFailure.Status] = [
      .failed, .usage, .damagedImage, .missingKernelFeature, .badlyFed, .permission,
    ]
    for status in all {
      let failure = RestartFailure(status, "cannot", errno: Errno(rawValue: errno))
      #expect("\(failure.advice)".count > 10)
      #expect(!"\(failure.advice)".hasSuffix("."))
    }
  }

  @Test func aFailuresOwnHintComesFirst() {
    let failure = RestartFailure(.failed, "cannot", errno: .noSuchFile, hint: "this")
    #expect("\(failure.advice)" == "this")
  }
}
