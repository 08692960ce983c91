internal import Kernel

extension RestoreLosses {
  /// Appends a list of what is lost, in words.
  func describe(in line: inout Line) {
    var isFirst = true
    for bit in 0..<32 where rawValue >> UInt32(bit) & 1 == 1 {
      if !isFirst { line.append(", ") }
      line.append(Self.text(of: bit))
      isFirst = false
    }
  }

  private static func text(of bit: Int) -> StaticString {
    switch bit {
    case 23: "a thread's addresses"
    case 0: "restartable sequences"
    case 1: "scheduling policies"
    case 2: "nice values"
    case 3: "I/O priorities"
    case 4: "processor affinities"
    case 5: "capabilities"
    case 6: "robust lists"
    case 7: "thread names"
    case 8: "resource limits"
    case 9: "the memory map"
    case 10: "/proc/self/exe"
    case 11: "process flags"
    case 12: "the OOM score"
    case 13: "signal actions"
    case 14: "timers"
    case 15: "pending signals"
    case 16: "the working directory"
    case 17: "supplementary groups"
    case 18: "user or group IDs"
    case 19: "securebits"
    case 20: "attributes of threads (prctl)"
    case 21: "registrations (membarrier, prctl)"
    case 22: "locks of future memory (mlockall)"
    default: "something unknown"
    }
  }
}
