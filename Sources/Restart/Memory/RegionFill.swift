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
    defer { finish(plan) }
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
    var plan = FillPlan(work.units)
    do throws(Errno) {
      for index in 0..<work.image.spans.count {
        let span = work.image.spans[index]
        let region = work.image.regions[Int(span.region)]
        guard !span.isClean, !region.isKernelMapping || service.mapsAsMemory(region) else {
          continue
        }
        if work.isMapped[Int(span.region)] == 1 { continue }
        if let lazy = work.lazy, lazy.isLazy[Int(span.region)] == 1 { continue }
        var movable = hugePages.movable(span, in: region)
        if let range = movable, !hugePages.prepare(range) { movable = nil }
        try plan.add(index, span, movable: movable)
      }
      try plan.endGroup()
      return plan
    } catch {
      throw RestartFailure(.failed, "cannot plan the reading of the image", errno: error)
    }
  }

  /// Puts the regions together again that `plan` took apart.
  private func finish(_ plan: FillPlan) {
    var index = 0
    while index < plan.units.count {
      let unit = plan.units[index]
      index += 1
      guard unit.kind == .moved,
        let range = work.image.spans[Int(unit.span)].wholeHugePages
      else { continue }
      hugePages.finish(range)
      while index < plan.units.count, plan.units[index].span == unit.span { index += 1 }
    }
    hugePages.close()
  }
}
