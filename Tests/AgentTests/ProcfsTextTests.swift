import Procfs
import TestSupport
import Testing

@Suite struct ProcfsTextTests {
  @Test func readsTimers() {
    let text = """
      ID: 3
      signal: 14/0000000000000000
      notify: signal/pid.17823
      ClockID: -6
      ID: 1
      signal: 32/00005633b66c7460
      notify: signal/tid.17824
      ClockID: 0

      """
    let entries = timers(text)
    #expect(entries.count == 2)
    #expect(entries.first?.clock == -6)
    #expect(entries.first?.notification == .signal)
    #expect(entries.last?.notification == .signalToThread)
    #expect(entries.last?.recipient == 17824)
    #expect(entries.last?.value == 0x5633_b66c_7460)
  }

  @Test func readsTheStatLineOfANameWithBrackets() {
    let text =
      "17 (a) S (b) R 1 2 3 34816 2 4194304 9 0 0 0 0 0 0 0 20 0 1 0 24 31 380 1 "
      + "100 200 300 0 0 0 0 0 0 0 0 0 17 5 0 0 0 0 0 400 500 600 700 800 900 1000 0\n"
    let stat = unsafe Array(text.utf8).withUnsafeBytes { unsafe ProcessStat($0.bytes) }
    #expect(stat?.parent == 1)
    #expect(stat?.session == 3)
    #expect(stat?.terminalDevice == 34816)
    #expect(stat?.startCode == 100)
    #expect(stat?.processor == 5)
    #expect(stat?.startData == 400)
    #expect(stat?.environmentEnd == 1000)
  }

  @Test func readsWhenAThreadLastRan() {
    let text = "es (9, #threads: 1)\n----\nse.exec_start           :      1908911.680462\nx : 1\n"
    let time = unsafe Array(text.utf8).withUnsafeBytes { unsafe SchedulerState.lastRun($0.bytes) }
    #expect(time == 1_908_911_680_462)
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func survivesAnyText(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let words = [
      "ID: ", "signal: ", "notify: signal/tid.", "ClockID: ", "7", "-", "0x", "\n", " ", ")", "S ",
      "se.exec_start : ", "99999999999999999999", ".", "running", "\u{0}",
    ]
    let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
      words.randomElement(using: &random) ?? ""
    }.joined()
    _ = timers(text)
    unsafe Array(text.utf8).withUnsafeBytes {
      _ = unsafe SystemCallLine($0.bytes)
      _ = unsafe ProcessStat($0.bytes)
      _ = unsafe SchedulerState.lastRun($0.bytes)
    }
  }

  private func timers(_ text: String) -> [TimerEntry] {
    unsafe Array(text.utf8).withUnsafeBytes {
      var cursor = unsafe TextCursor($0.bytes)
      var entries: [TimerEntry] = []
      while let entry = TimerEntry.next(from: &cursor) { entries.append(entry) }
      return entries
    }
  }
}
