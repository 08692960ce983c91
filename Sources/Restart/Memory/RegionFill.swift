internal import CImage
internal import CheckpointImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// Reads the program's data to its place and checks it, before anything else touches it.
struct RegionFill {
  let work: Workspace
  let reader: DataReader
  let service: KernelService
  let hugePages: HugePages

  /// Small pieces that lie side by side in the image, read by one call.
  private struct Batch {
    var count = 0
    var byteCount: UInt64 = 0
    var fileOffset: UInt64 = 0
  }

  func run() throws(RestartFailure) {
    var batch = Batch()
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      switch region.kind {
      case CKPT_REGION_ANONYMOUS, CKPT_REGION_PRIVATE_FILE: break
      default: guard service.mapsAsMemory(region) else { continue }
      }
      adviseHugePages(region)
      for number in 0..<Int(region.run_count) {
        try fill(Int(region.first_run) + number, region, &batch)
      }
    }
    try flush(&batch)
    hugePages.close()
  }

  /// What the program wished is told before the pages are made.
  private func adviseHugePages(_ region: ckpt_region) {
    if region.has(CKPT_REGION_HUGE_PAGES) {
      try? Mapping.advise(region.range, Advice.hugePage)
    } else if region.has(CKPT_REGION_NO_HUGE_PAGES) {
      try? Mapping.advise(region.range, Advice.noHugePage)
    }
  }

  private func fill(
    _ index: Int, _ region: ckpt_region, _ batch: inout Batch
  ) throws(RestartFailure) {
    let run = work.image.runs[index]
    switch run.kind {
    case CKPT_RUN_HERE:
      guard run.isWritten(in: region) else { return }
    case CKPT_RUN_ZERO:
      if run.isWritten(in: region) { Memory.zero(run.range) }
      return
    case CKPT_RUN_GUARD, CKPT_RUN_OBJECT: return
    default:
      throw RestartFailure(
        .damagedImage, "cannot restart: the data is in another image, of region",
        number: region.start, numberStyle: .hexadecimal)
    }
    if let middle = hugePages.movable(run, in: region) {
      try flush(&batch)
      return try fillLarge(run, region, middle, firstPiece: work.runPieces[index])
    }
    var pieces = DataPieces(
      at: run.range.start, byteCount: run.byte_count, fileOffset: run.file_offset,
      firstIndex: work.runPieces[index], region: region.start)
    while let piece = pieces.next() { try add(piece, &batch) }
  }

  // MARK: Small pieces

  private func add(_ piece: DataPiece, _ batch: inout Batch) throws(RestartFailure) {
    let continues =
      piece.fileOffset == batch.fileOffset + batch.byteCount
      && batch.count < Workspace.vectorCapacity
      && batch.byteCount + piece.byteCount <= DataPieces.byteCountLimit
    if batch.count > 0, !continues { try flush(&batch) }
    if batch.count == 0 { batch.fileOffset = piece.fileOffset }
    Memory.store(piece, at: self.piece(batch.count))
    Memory.store(
      ckernel_iovec(base: piece.address.rawValue, byte_count: piece.byteCount),
      at: vector(batch.count))
    batch.count += 1
    batch.byteCount += piece.byteCount
  }

  private func vector(_ index: Int) -> Address { work.vectors + UInt64(index * 16) }

  private func piece(_ index: Int) -> Address {
    work.batch + UInt64(index * MemoryLayout<DataPiece>.stride)
  }

  /// Reads the batch and checks each of its pieces.
  private func flush(_ batch: inout Batch) throws(RestartFailure) {
    guard batch.count > 0 else { return }
    let (count, offset) = (batch.count, batch.fileOffset)
    let got = try? systemCall(
      SyscallNumber.preadv, Int(work.image.descriptor), work.vectors.argument, count,
      Int(bitPattern: UInt(offset)), 0)
    let isRead = got.map(UInt64.init) == batch.byteCount
    for index in 0..<batch.count {
      let piece = Memory.load(DataPiece.self, at: piece(index))
      // A short read says nothing of what went wrong; reading each alone does.
      if isRead { try reader.check(piece) } else { try reader.read(piece) }
    }
    batch = Batch()
  }

  // MARK: Large runs

  /// Reads the middle of a run into huge pages, its ends into ordinary ones.
  private func fillLarge(
    _ run: ckpt_run, _ region: ckpt_region, _ middle: AddressRange, firstPiece: UInt32
  ) throws(RestartFailure) {
    var unchecked = DataPieces(
      at: run.range.start, byteCount: run.byte_count, fileOffset: run.file_offset,
      firstIndex: firstPiece, region: region.start)
    func offset(_ address: Address) -> UInt64 { run.file_offset + (address - run.range.start) }
    try reader.read(
      to: run.range.start, byteCount: middle.start - run.range.start, at: run.file_offset,
      region: region.start)
    var filled = try hugePages.fill(
      middle, from: reader, at: offset(middle.start), region: region.start
    ) { (end) throws(RestartFailure) in
      while let piece = unchecked.next(before: end) { try reader.check(piece) }
    }
    while filled < run.range.end {
      let byteCount = min(run.range.end - filled, DataPieces.byteCountLimit)
      try reader.read(
        to: filled, byteCount: byteCount, at: offset(filled), region: region.start)
      filled = filled + byteCount
      while let piece = unchecked.next(before: filled) { try reader.check(piece) }
    }
  }
}
