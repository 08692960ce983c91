internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Which digest belongs to which data: pieces are counted in file order through the runs, then the extents.
struct PieceNumbers {
  let runs: Table<UInt32>
  let extents: Table<UInt32>

  init(_ image: LoadedImage, in arena: inout Arena) throws(Errno) {
    var runs = try Table<UInt32>(in: &arena, capacity: image.runs.count)
    var extents = try Table<UInt32>(in: &arena, capacity: image.extents.count)
    var count: UInt64 = 0
    for index in 0..<image.runs.count {
      try runs.append(UInt32(truncatingIfNeeded: count))
      let run = image.runs[index]
      if run.kind == CKPT_RUN_HERE { count += Pieces.count(of: run.byte_count) }
    }
    for index in 0..<image.extents.count {
      try extents.append(UInt32(truncatingIfNeeded: count))
      count += Pieces.count(of: image.extents[index].byte_count)
    }
    self.runs = runs
    self.extents = extents
  }
}
