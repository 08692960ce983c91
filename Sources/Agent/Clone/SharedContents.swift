internal import CImage
internal import Kernel
internal import KernelABI

/// Copies what the clone shares with the program: shared memory, and files without a name.
enum SharedContents {
  /// Points the sources of all extents to memory that is the clone's alone.
  ///
  /// - Throws: when there is no memory for it, or a file can't be read.
  static func copy(_ draft: inout ImageDraft) throws(Errno) {
    var total: UInt64 = 0
    for index in 0..<draft.sources.count where isShared(draft.sources[index], draft) {
      total += roundedUpToPage(draft.extents[index].byte_count)
    }
    guard total > 0 else { return }
    let start = try Mapping.map(byteCount: total, .read | .write, .private | .anonymous)
    if let room = AddressRange(start: start, byteCount: total) {
      _ = try? Mapping.advise(room, Advice.hugePage)
    }
    var next = start
    for index in 0..<draft.sources.count where isShared(draft.sources[index], draft) {
      let byteCount = draft.extents[index].byte_count
      try copy(draft.sources[index], byteCount, to: next)
      draft.sources[index] = ExtentSource(memory: next, descriptor: -1, offset: 0)
      next = next + roundedUpToPage(byteCount)
    }
  }

  /// Queued bytes lie in the scratch memory already.
  private static func isShared(_ source: ExtentSource, _ draft: ImageDraft) -> Bool {
    source.descriptor >= 0 || !draft.scratch.range.contains(source.memory)
  }

  /// What can't be read any more stays zero.
  private static func copy(
    _ source: ExtentSource, _ byteCount: UInt64, to place: Address
  ) throws(Errno) {
    if source.descriptor >= 0 {
      let file = FileDescriptor(adopting: source.descriptor)
      let result: Result<UInt64, Errno>
      do throws(Errno) {
        result = .success(try file.readFully(to: place, byteCount: byteCount, at: source.offset))
      } catch {
        result = .failure(error)
      }
      _ = file.relinquish()
      _ = try result.get()
      return
    }
    var done: UInt64 = 0
    while done < byteCount {
      let count =
        (try? Memory.readTolerantly(
          from: source.memory + done, to: place + done, byteCount: byteCount - done)) ?? 0
      done += count > 0 ? count : pageByteCount - done % pageByteCount
    }
  }
}
