internal import CImage
internal import Kernel
internal import KernelABI

/// Reads the program's data to its place and checks it, before anything else touches it.
struct RegionFill {
  let work: RestoreArena
  let service: KernelService
  let hugePages: HugePages

  func run() throws(RestartFailure) {
    adviseHugePages()
    let plan = try plan()
    defer { plan.finish(work, hugePages) }
    try FillWorker.fill(plan, work, hugePages)
  }

  /// What the program wished is told before the pages are made.
  func adviseHugePages() {
    for index in 0..<work.image.regions.count { adviseHugePages(work.image.regions[index]) }
  }

  private func adviseHugePages(_ region: ckpt_region) {
    guard region.kind == CKPT_REGION_ANONYMOUS || region.kind == CKPT_REGION_PRIVATE_FILE else {
      return
    }
    if region.has(CKPT_REGION_HUGE_PAGES) {
      try? Mapping.advise(region.range, Advice.hugePage)
    } else if region.has(CKPT_REGION_NO_HUGE_PAGES) {
      try? Mapping.advise(region.range, Advice.noHugePage)
    }
  }

  private func plan() throws(RestartFailure) -> FillPlan {
    do throws(Errno) { return try FillPlan(work, hugePages) { isWanted($0) } } catch {
      throw RestartFailure(.failed, "cannot plan the reading of the image", errno: error)
    }
  }

  private func isWanted(_ span: Span) -> Bool {
    let number = Int(span.region)
    let region = work.image.regions[number]
    if span.isClean || region.isKernelMapping && !service.mapsAsMemory(region) { return false }
    return work.isMapped[number] == 0 && work.lazy?.isLazy[number] != 1
  }
}
