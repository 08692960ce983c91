import CheckpointKit
import Testing

@Suite struct SignalNumberTests {
  @Test(arguments: [
    ("12", 12), ("USR2", 12), ("SIGUSR2", 12), ("usr1", 10), ("RTMIN+3", 37), ("SIGRTMAX-1", 63),
    ("64", 64),
  ])
  func namesAndNumbers(text: String, number: Int) {
    #expect(signalNumber(text) == number)
  }

  @Test(arguments: [
    "", "0", "65", "-1", "KILL", "SIGSTOP", "9", "32", "RTMIN+", "USR3", "RTMIN+99",
  ])
  func refusesWhatNoProgramCanCatch(text: String) {
    #expect(signalNumber(text) == nil)
  }
}
