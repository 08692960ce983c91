internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What an image contributes to a restart's memory: its tables, checked.
struct ChainLink: BitwiseCopyable {
  let runs: Records<ckpt_run>
  let regions: Records<ckpt_region>

  /// By run: the index of its first digest.
  let firstPieces: Table<UInt64>

  /// Where its strings lie.
  let strings: Address

  init(
    runs: Records<ckpt_run>, regions: Records<ckpt_region>, strings: Address, in arena: inout Arena
  ) throws(Errno) {
    self.runs = runs
    self.regions = regions
    self.strings = strings
    var pieces = try Table<UInt64>(in: &arena, capacity: runs.count)
    var count: UInt64 = 0
    for index in 0..<runs.count {
      try pieces.append(count)
      if runs[index].hasDigests { count += Pieces.count(of: runs[index].byte_count) }
    }
    firstPieces = pieces
  }

  /// The first run that ends behind an address; `runs.count`: none does.
  func firstRun(endingBehind address: Address) -> Int {
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].range.end > address { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Whether a run is of private memory, which is all that a younger image may refer to.
  func isPrivate(_ run: ckpt_run) -> Bool {
    let kind = regions[Int(run.region)].kind
    return kind == CKPT_REGION_ANONYMOUS || kind == CKPT_REGION_PRIVATE_FILE
  }
}
