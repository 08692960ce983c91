internal import Kernel
internal import KernelABI
internal import Procfs

/// Whether there is memory for the copies that a clone costs.
///
/// While the clone writes, a page is copied when the program changes it: at worst all of them.
/// Runs before the stop.
enum MemoryCheck {
  /// Bytes of memory that a clone may cost at worst, and bytes there are.
  struct Finding: Equatable {
    var needed: UInt64
    var available: UInt64

    /// Half is enough: few programs change all their memory before an image is written, and where
    /// memory does run out the kernel ends the clone first (`oom_score_adj`), not the program.
    var isEnough: Bool { available >= needed / 2 }
  }

  /// Source: proc_pid_status(5), proc_meminfo(5).
  static func find(_ scratch: inout Arena) -> Finding? {
    guard let anonymous = try? StatusText.number("RssAnon", &scratch),
      let shared = try? StatusText.number("RssShmem", &scratch),
      let free = try? StatusText.number("MemAvailable", in: "/proc/meminfo", &scratch)
    else { return nil }
    let available = min(free * 1024, GroupLimit.available(&scratch) ?? .max)
    return Finding(needed: (anonymous + shared) * 1024, available: available)
  }
}
