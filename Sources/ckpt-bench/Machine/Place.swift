internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// A folder to save to.
struct Place {
  let folder: String

  /// Why a victim of that size can't be measured here, `nil` when it can.
  ///
  /// - Parameter files: how many files of its size there are at a time.
  func objection(to size: UInt64, files: UInt64) -> String? {
    let free = freeByteCount(in: folder)
    if free < (size + size / 8) * files + (256 << 20) {
      return "only \(byteCountText(free)) free in \(folder)"
    }
    // The victim, or what the image is read into, and a file in the page cache or in memory.
    let needed = size * 2 + size / 4 + (1 << 30)
    let available = availableByteCount
    return available < needed
      ? "needs \(byteCountText(needed)) of memory, \(byteCountText(available)) available" : nil
  }

  /// Source: proc_meminfo(5).
  private var availableByteCount: UInt64 {
    guard let text = try? HostFiles.text(of: "/proc/meminfo") else { return 0 }
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    let number = line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }
    return (number ?? 0) << 10
  }

  /// Waits until the file system has nothing left to write.
  ///
  /// Source: syncfs(2).
  func settle() {
    guard let file = try? HostFiles.open(folder, .readOnly | .directory) else { return }
    _ = rawSystemCall(306, Int(file.number))
  }
}
