internal import CImage
internal import Kernel
internal import KernelABI

/// Private mappings of files, made from the image alone.
///
/// Each file becomes one memfd with the file's own bytes, as far as they were mapped, mapped at the
/// offsets that the file was: MADV_DONTNEED brings them back, and two mappings of a page share it.
struct PrivateFiles {
  let work: RestoreArena
  let reader: DataReader

  /// Those that can show the image's own file do.
  var mapsImage = false

  /// Names of memfds begin with this; the agent knows them by it.
  private static let prefix: StaticString = "ckpt:"

  /// Source: memfd_create(2): 249 bytes without the NUL.
  private static let nameLimit = 249

  func mapAll() throws(RestartFailure) {
    for file in 0..<work.firstOfFile.count where work.firstOfFile[file] >= 0 {
      try mapFile(first: Int(work.firstOfFile[file]))
    }
    // Regions without a number show a file of their own.
    for index in 0..<work.image.regions.count {
      let region = work.image.regions[index]
      if region.kind == CKPT_REGION_PRIVATE_FILE, Int(region.file) >= work.firstOfFile.count {
        try mapFile(first: index)
      }
    }
  }

  private func mapFile(first: Int) throws(RestartFailure) {
    if mapsImage, try mapFromImage(first: first) { return }
    let region = work.image.regions[first]
    let file = FileDescriptor(
      adopting: try during(
        "cannot make a file in memory for", name: work.image.address(of: region.path),
        nameByteCount: Int(region.path.byte_count)
      ) { () throws(Errno) in
        try make(region)
      })
    try fill(file, first: first)
    if work.stream == nil { seal(file.number) }
    var index = first
    while index >= 0 {
      let region = work.image.regions[index]
      if work.isMapped[index] == 0 {
        try region.map(
          work, region.has(CKPT_REGION_NO_RESERVE) ? .private | .noReserve : .private,
          descriptor: file.number, offset: region.file_offset)
      }
      index = Int(work.next[index])
    }
    if let stream = work.stream { keep(file.relinquish(), first: first, stream) }
  }

  /// Leaves a file open that is filled later.
  private func keep(_ number: Int32, first: Int, _ stream: StreamLayout) {
    var index = first
    while index >= 0 {
      stream.files[index] = number
      index = Int(work.next[index])
    }
  }

  /// Seals and closes the files that a stream has filled.
  func sealAll(_ stream: StreamLayout) {
    for first in 0..<stream.files.count where stream.files[first] >= 0 {
      let number = stream.files[first]
      seal(number)
      closeDescriptor(number)
      keep(-1, first: first, stream)
    }
  }

  /// - Returns: whether all that shows this file is mapped.
  private func mapFromImage(first: Int) throws(RestartFailure) -> Bool {
    let mapped = MappedRegions(work: work, reader: reader)
    var isWhole = true
    var index = first
    while index >= 0 {
      if try !mapped.map(index) { isWhole = false }
      index = Int(work.next[index])
    }
    return isWhole
  }

  private func make(_ region: ckpt_region) throws(Errno) -> Int32 {
    let prefix = UInt64(Self.prefix.utf8CodeUnitCount)
    let count = min(UInt64(region.path.byte_count), UInt64(Self.nameLimit) - prefix)
    let tail = work.image.address(of: region.path) + (UInt64(region.path.byte_count) - count)
    Memory.copy(from: Self.prefix.address, to: work.path, byteCount: prefix)
    Memory.copy(from: tail, to: work.path + prefix, byteCount: count)
    Memory.store(UInt8(0), at: work.path + prefix + count)
    // MFD_ALLOW_SEALING; MFD_NOEXEC_SEAL (Linux 6.3, may be demanded by vm.memfd_noexec) forbids
    // execve(2) of it, not mapping it executable.
    do throws(Errno) {
      return try Files.memoryFile(name: work.path, flags: 2 | 8)
    } catch {
      guard error == .invalid else { throw error }
      return try Files.memoryFile(name: work.path, flags: 2)
    }
  }

  /// Writes the file's bytes into it and gives it its size.
  ///
  /// Through a buffer: writing to a memfd is twice as fast as filling a mapping of it.
  private func fill(_ file: borrowing FileDescriptor, first: Int) throws(RestartFailure) {
    var size: UInt64 = 0
    var next = first
    while next >= 0 {
      let region = work.image.regions[next]
      size = max(size, region.file_offset + region.range.byteCount)
      for index in work.image.spans(of: next) {
        let span = work.image.spans[index]
        // What comes with the stream comes later.
        guard span.isClean, work.isMapped[next] == 0, work.stream == nil || span.source != 0
        else { continue }
        var pieces = DataPieces(
          span.part(from: 0, span.byteCount, to: work.buffer, region: region.start))
        try copy(
          &pieces, to: file, at: region.file_offset + (span.address - region.range.start), region)
      }
      next = Int(work.next[next])
    }
    let number = file.number
    try during("cannot give a file in memory its size") { () throws(Errno) in
      try Files.setSize(number, size)
    }
  }

  private func copy(
    _ pieces: inout DataPieces, to file: borrowing FileDescriptor, at start: UInt64,
    _ region: ckpt_region
  ) throws(RestartFailure) {
    var offset = start
    while var piece = pieces.next() {
      piece.address = work.buffer
      try reader.read(piece)
      let (byteCount, number, place) = (piece.byteCount, file.number, offset)
      try during(
        "cannot write a file in memory for region", number: region.start,
        numberStyle: .hexadecimal
      ) { () throws(Errno) in
        try Files.write(number, from: work.buffer, byteCount: byteCount, at: place)
      }
      offset += byteCount
    }
  }

  /// Forbids everybody to change what private mappings show.
  ///
  /// Where it fails, nobody has the file open anyway.
  ///
  /// Source: fcntl(2), F_ADD_SEALS: F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE.
  private func seal(_ number: Int32) {
    try? Descriptors.addSeals(number, 1 | 2 | 4 | 8)
  }
}
