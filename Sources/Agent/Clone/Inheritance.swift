internal import Kernel
internal import KernelABI
internal import Procfs

/// Compares the clone's regions with the program's: those under MADV_DONTFORK are missing.
enum Inheritance {
  /// Notes what is missing in the page's table.
  ///
  /// - Parameter maps: the program's regions, as they were just before the clone was made.
  static func isComplete(
    _ maps: RegionList.Text, _ page: WriterStatus, _ scratch: inout Arena
  ) throws(CaptureFailure) -> Bool {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    let own = try RegionList.text(&scratch)
    var theirs = TextCursor(maps.bytes)
    var ours = TextCursor(own.bytes)
    var mine = SmapsEntry(from: &ours)?.range
    var isComplete = true
    while let region = SmapsEntry(from: &theirs)?.range {
      if mine == region {
        mine = SmapsEntry(from: &ours)?.range
      } else {
        isComplete = false
        guard page.append(region) else { return false }
      }
    }
    return isComplete
  }
}
