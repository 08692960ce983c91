internal import CImage
internal import Kernel
internal import KernelABI

/// Gives every region what it had besides its contents: protection, advice, locks, seals.
struct RegionState {
  let work: RestoreArena
  let service: KernelService
  let notes: Int32

  func apply() throws(RestartFailure) {
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      guard !region.isKernelMapping || service.mapsAsMemory(region) else { continue }
      try installGuards(region)
      try protect(region)
      advise(region)
      lock(region)
    }
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      if region.has(CKPT_REGION_SEALED), !region.isKernelMapping { try seal(region) }
    }
  }

  private func installGuards(_ region: ckpt_region) throws(RestartFailure) {
    for number in 0..<Int(region.run_count) {
      let run = work.image.runs[Int(region.first_run) + number]
      guard run.kind == CKPT_RUN_GUARD else { continue }
      try during(
        "cannot make guard pages again at", hint: "that needs Linux 6.13",
        status: .missingKernelFeature, number: run.address, numberStyle: .hexadecimal
      ) { () throws(Errno) in try Mapping.advise(run.range, Advice.guardInstall) }
    }
  }

  private func protect(_ region: ckpt_region) throws(RestartFailure) {
    let protection = region.finalProtection
    try during(
      "cannot protect region", hint: "vm.max_map_count may be too low", number: region.start,
      numberStyle: .hexadecimal
    ) { () throws(Errno) in
      if region.protection_key != 0 {
        try protect(region.range, protection, key: region.protection_key)
      } else if region.kind == CKPT_REGION_SHARED
        || protection != .read | .write && region.initialProtection(work) != protection
      {
        try Mapping.protect(region.range, protection)
      }
    }
  }

  /// Memory protection keys are given out from 1 on: those below are the program's or free.
  ///
  /// Not tried: no machine of ours has them. Source: pkey_alloc(2), pkey_mprotect(2).
  private func protect(
    _ range: AddressRange, _ protection: Protection, key: UInt32
  ) throws(Errno) {
    while true {
      do throws(Errno) {
        return try Mapping.protect(range, protection, key: key)
      } catch {
        // EINVAL: not allocated yet.
        guard error == .invalid else { throw error }
        guard try Mapping.allocateKey() <= key else { throw error }
      }
    }
  }

  private func advise(_ region: ckpt_region) {
    guard region.flags != 0 else { return }
    do throws(Errno) {
      try Self.adviseAll(region, at: region.range)
    } catch {
      note("not every advice could be given again to region 0x", region, error)
    }
  }

  /// Gives memory the advice that a region had.
  ///
  /// - Throws: what the kernel said last, after all was tried.
  static func adviseAll(_ region: ckpt_region, at range: AddressRange) throws(Errno) {
    var failure: Errno?
    func advise(_ flag: UInt32, _ advice: Int) {
      guard region.has(flag) else { return }
      do throws(Errno) { try Mapping.advise(range, advice) } catch { failure = error }
    }
    advise(CKPT_REGION_SEQUENTIAL, Advice.sequential)
    advise(CKPT_REGION_RANDOM, Advice.random)
    advise(CKPT_REGION_DONT_FORK, Advice.dontFork)
    // Droppable memory is wiped anyway.
    if !region.has(CKPT_REGION_DROPPABLE) { advise(CKPT_REGION_WIPE_ON_FORK, Advice.wipeOnFork) }
    advise(CKPT_REGION_MERGEABLE, Advice.mergeable)
    // The kernel puts it on huge pages of hugetlbfs by itself, and refuses to be told.
    if !region.has(CKPT_REGION_HUGE_TLB) { advise(CKPT_REGION_DONT_DUMP, Advice.dontDump) }
    if let failure { throw failure }
  }

  private func lock(_ region: ckpt_region) {
    guard region.has(CKPT_REGION_LOCKED | CKPT_REGION_LOCKED_ON_FAULT) else { return }
    do throws(Errno) {
      try Mapping.lock(region.range, onFault: region.has(CKPT_REGION_LOCKED_ON_FAULT))
    } catch {
      // ENOMEM is also what a region without access gives, which is locked all the same.
      if region.finalProtection != .none {
        note("memory is not locked any more (see `ulimit -l`): region 0x", region, error)
      }
    }
  }

  private func seal(_ region: ckpt_region) throws(RestartFailure) {
    try during(
      "cannot seal region", hint: "that needs Linux 6.10", status: .missingKernelFeature,
      number: region.start, numberStyle: .hexadecimal
    ) { () throws(Errno) in
      try Mapping.seal(region.range)
    }
  }

  private func note(_ text: StaticString, _ region: ckpt_region, _ error: Errno) {
    guard notes >= 0 else { return }
    var line = Line("restart: note: ")
    line.append(text)
    line.append(hex: region.start)
    line.append(": ")
    line.append(error)
    line.append("\n")
    line.write(to: notes)
  }
}
