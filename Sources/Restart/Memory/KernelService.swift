internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// How the program's calls into the vdso are served after the restart.
enum KernelService: BitwiseCopyable {
  /// The image has none.
  case none

  /// The kernel's own, moved to where the program knows it.
  case moved

  /// Another kernel's code, as ordinary memory, that jumps into this kernel's.
  case patched

  /// Compares the saved vdso with the live one.
  init(
    _ work: RestoreArena, _ reader: DataReader, _ live: KernelMappings
  ) throws(RestartFailure) {
    let saved = KernelMappings(in: work.image)
    guard !saved.code.isEmpty else {
      self = .none
      return
    }
    guard !live.code.isEmpty else {
      throw RestartFailure(
        .missingKernelFeature, "cannot restart: this kernel gives programs no vdso",
        hint: "it was started with vdso=0")
    }
    guard saved.hasLayout(of: live), try Self.isSame(work, reader, saved, live) else {
      self = .patched
      return
    }
    self = .moved
  }

  /// The code of a stream comes too late to be compared: its digest is in the head.
  private static func isSame(
    _ work: RestoreArena, _ reader: DataReader, _ saved: KernelMappings, _ live: KernelMappings
  ) throws(RestartFailure) -> Bool {
    guard work.image.stream != nil else { return try hasSameCode(work, reader, saved, live) }
    let code = Memory.bytes(at: live.code.start, count: Int(live.code.byteCount))
    return XXH3.digest(code) == work.image.machine.vdso_digest
  }

  /// Pages that aren't in the image are zero.
  private static func hasSameCode(
    _ work: RestoreArena, _ reader: DataReader, _ saved: KernelMappings, _ live: KernelMappings
  ) throws(RestartFailure) -> Bool {
    let capacity = RestoreArena.hugePageByteCount
    guard saved.code.byteCount <= capacity else { return false }
    let stage = work.stage(0)
    for index in 0..<work.image.spans.count {
      let span = work.image.spans[index]
      guard saved.code.start <= span.address, span.end <= saved.code.end else { continue }
      try reader.read(
        span.part(
          from: 0, span.byteCount, to: stage + (span.address - saved.code.start),
          region: saved.code.start.rawValue))
    }
    let isSame = Self.areEqual(
      Memory.bytes(at: stage, count: Int(saved.code.byteCount)),
      Memory.bytes(at: live.code.start, count: Int(live.code.byteCount)))
    // The stage must have no small pages when it is filled for the first time.
    try? Mapping.advise(
      AddressRange(start: stage, byteCount: capacity) ?? .empty, Advice.dontNeed)
    return isSame
  }

  private static func areEqual(_ a: RawSpan, _ b: RawSpan) -> Bool {
    guard a.byteCount == b.byteCount else { return false }
    for offset in 0..<a.byteCount where a.byte(at: offset) != b.byte(at: offset) { return false }
    return true
  }

  /// Whether the image's region is made like memory of the program's own.
  func mapsAsMemory(_ region: ckpt_region) -> Bool {
    switch self {
    case .patched: region.kind == CKPT_REGION_VDSO || region.kind == CKPT_REGION_VVAR
    case .none, .moved: false
    }
  }

  /// Puts the live mappings where the program knows them.
  func place(_ kernel: inout KernelMappings, _ work: RestoreArena) throws(RestartFailure) {
    guard case .moved = self else { return }
    let saved = KernelMappings(in: work.image)
    do throws(Errno) {
      try kernel.move(to: saved.hull.start)
    } catch {
      throw RestartFailure(
        .failed, "cannot move the kernel's vdso to", errno: error,
        number: saved.hull.start.rawValue, numberStyle: .hexadecimal)
    }
  }

  /// Leads every function of the saved code into the live one.
  ///
  /// What the saved code reads besides (vvar) is zero, which tells it that there is no clock:
  /// a thread that was stopped in the middle of it makes a system call instead.
  func patch(_ kernel: KernelMappings, _ work: RestoreArena) throws(RestartFailure) {
    guard case .patched = self else { return }
    let saved = KernelMappings(in: work.image).code
    guard
      let old = VDSOSymbols(Memory.bytes(at: saved.start, count: Int(saved.byteCount))),
      let new = VDSOSymbols(Memory.bytes(at: kernel.code.start, count: Int(kernel.code.byteCount)))
    else {
      throw RestartFailure(
        .missingKernelFeature, "cannot restart: the saved vdso and this kernel's don't fit",
        hint: "restart it on the kernel that it was saved on")
    }
    for index in 0..<old.count {
      guard let place = old.function(index) else { continue }
      VDSOStub.replacing(index, of: old, by: new, at: kernel.code.start)
        .write(at: saved.start + place)
    }
  }
}
