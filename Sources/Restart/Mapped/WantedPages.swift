internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// The pages that a snapshot executable lists: those that the program touched until its first answer
/// when it was watched once.
struct WantedPages: BitwiseCopyable {
  private let work: RestoreArena

  /// Room for some runs, where PAGEMAP_SCAN's results come later.
  private let found: Table<PageRun>
  private let isLazy: Table<UInt8>
  private let offset: UInt64
  private let runCount: UInt64

  /// - Returns: `nil` when there is no list.
  init?(of plan: MappedPlan) {
    guard let executable = plan.work.image.executable, executable.pagesByteCount > 0 else {
      return nil
    }
    work = plan.work
    found = plan.layout.mapped.found
    isLazy = plan.layout.isLazy
    offset = executable.pagesOffset + PageList.headByteCount
    runCount = (executable.pagesByteCount - PageList.headByteCount) / PageList.runByteCount
  }

  /// Has the kernel bring them all, so that the program does not fault on each.
  ///
  /// It is for speed alone: what does not work is left out. Their bytes are checked with all others.
  func bring() {
    var region = 0
    var done: UInt64 = 0
    while done < runCount {
      let count = min(runCount - done, UInt64(found.capacity))
      let byteCount = count * PageList.runByteCount
      let read = try? Files.read(
        work.image.sources[0].descriptor, to: found.base, byteCount: byteCount,
        at: offset + done * PageList.runByteCount)
      guard read == byteCount else { return }
      let bytes = Memory.bytes(at: found.base, count: Int(byteCount))
      for index in 0..<Int(count) { bring(PageList.run(index, in: bytes), &region) }
      done += count
    }
  }

  /// - Parameter region: the first that may have a part of the run; runs come in address order.
  private func bring(_ run: PageList.Run, _ region: inout Int) {
    guard let range = AddressRange(start: run.start, end: run.end) else { return }
    let regions = work.image.regions
    while region < regions.count, regions[region].range.end <= range.start { region += 1 }
    var index = region
    while index < regions.count, regions[index].range.start < range.end {
      if isLazy[index] == 1 || work.isMapped[index] == 1,
        let common = regions[index].range.common(range)
      {
        try? Mapping.advise(common, run.isWritten ? Advice.populateWrite : Advice.populateRead)
      }
      index += 1
    }
  }
}
