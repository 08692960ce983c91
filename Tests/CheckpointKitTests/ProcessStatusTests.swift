import CheckpointKit
import Testing

private let sleeping = """
  Name:\tmy prog
  Umask:\t0022
  State:\tS (sleeping)
  Tgid:\t4312
  Pid:\t4312
  PPid:\t4300
  Uid:\t1000\t1000\t1000\t1000
  SigBlk:\t0000000000010000
  SigIgn:\t0000000000000006
  SigCgt:\t8000000000000800
  """

@Suite struct ProcessStatusTests {
  @Test func readsWhatTheChecksNeed() {
    let status = ProcessStatus(sleeping)
    #expect(status.name == "my prog")
    #expect(status.state == "S")
    #expect(status.threadGroup == 4312)
    #expect(status.parent == 4300)
    #expect(status.user == 1000)
    #expect(status.catches(12) && status.catches(64) && !status.catches(10))
    #expect(status.blocks(17) && !status.blocks(12))
    #expect(!status.hasMemory)
    #expect(ProcessStatus(sleeping + "\nVmSize:\t    2708 kB\n").hasMemory)
  }

  @Test(arguments: ["", "\n\n", "State", "State:", "Tgid:\tx\nSigCgt:\tzz", ":::\n: :"])
  func survivesOddText(text: String) {
    #expect(ProcessStatus(text) == ProcessStatus())
  }

  @Test(arguments: [
    ("7f00-7f01 r-xp 00000000 08:01 12 /opt/x/libckpt.so", true),
    ("7f00-7f01 r-xp 00000000 08:01 12      /opt/my folder/libckpt.so (deleted)", true),
    ("7f00-7f01 r-xp 00000000 00:01 12  /memfd:ckpt:/opt/x/libckpt.so (deleted)", true),
    ("7f00-7f01 rw-p 00000000 00:01 12       /memfd:ckpt:/opt/x/libckpt.so (deleted)", true),
    ("7f00-7f01 r--p 00000000 08:01 12 /opt/x/libckpt.so", false),
    ("7f00-7f01 r-xp 00000000 08:01 12 /opt/x/notlibckpt.so", false),
    ("7f00-7f01 r-xp 00000000 08:01 12 /opt/x/libckpt.so.bak", false),
    ("7f00-7f01 rwxp 00000000 00:00 0", false),
  ])
  func findsTheAgent(line: String, isThere: Bool) {
    #expect(showsAgent(maps: "55-56 r-xp 0 08:01 1 /bin/cat\n\(line)\n") == isThere)
  }
}

@Suite struct ThreadSampleTests {
  @Test func readsABlockedCall() {
    let sample = ThreadSample(
      systemCallLine: "230 0x0 0x1 0x7ffe0b0 0x0 0x0 0x0 0x7ffe564cc098 0x7f4c41591503\n")
    #expect(sample.call == 230)
    #expect(sample.stackPointer == 0x7ffe_564c_c098)
    #expect(sample.programCounter == 0x7f4c_4159_1503)
  }

  @Test func tellsNoCallFromNotKnown() {
    #expect(ThreadSample(systemCallLine: "-1 0x7ffe 0x7f4c\n").call == ThreadSample.notInCall)
    #expect(ThreadSample(systemCallLine: "running\n") == .unknown)
    #expect(ThreadSample(systemCallLine: "") == .unknown)
  }

  @Test func readsTheSchedulersTime() {
    let text =
      "sleep (1, #threads: 1)\n----\nse.exec_start          :       2054640.523832\nse.x : 1\n"
    #expect(accountedTime(inSched: text) == 2_054_640_523_832)
    #expect(accountedTime(inSched: "se.exec_start : 12\n") == nil)
    #expect(accountedTime(inSched: "") == nil)
    #expect(accountedTime(inSched: "se.exec_start   :   0.000000\n") == nil)
  }
}
