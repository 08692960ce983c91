internal import CImage
internal import Kernel
internal import KernelABI

/// Regions that show a file by its name, shared: what is in them is the file's own business.
enum SharedFile {
  /// Maps the file of that name, or the copy in the image when `SharedRegions.prepare` chose it.
  static func map(_ region: ckpt_region, _ work: RestoreArena) throws(RestartFailure) {
    let object = Int(region.object)
    if object < work.image.objects.count, work.objectDescriptors[object] >= 0 {
      return try region.map(
        work, .shared, descriptor: work.objectDescriptors[object], offset: region.file_offset)
    }
    let file = try open(region, work)
    try region.map(work, .shared, descriptor: file.number, offset: region.file_offset)
  }

  private static func open(
    _ region: ckpt_region, _ work: RestoreArena
  ) throws(RestartFailure) -> FileDescriptor {
    let isWritable =
      region.has(CKPT_REGION_WRITABLE_FILE) || region.finalProtection.contains(.write)
    let name = work.image.address(of: region.path)
    let nameByteCount = Int(region.path.byte_count)
    let file = FileDescriptor(
      adopting: try during(
        "cannot open a file that the program has mapped shared,",
        hint: "put it back, or make it accessible", name: name, nameByteCount: nameByteCount
      ) { () throws(Errno) in
        try work.setPath(region.path)
        return try Files.open(path: work.path, isWritable ? .readWrite : .readOnly)
      })
    let number = file.number
    let status = try during(
      "cannot look at a file that the program has mapped shared,", name: name,
      nameByteCount: nameByteCount
    ) { () throws(Errno) in try FileStatus(of: number) }
    guard status.kind == .regular, status.byteCount > region.file_offset else {
      throw RestartFailure(
        .failed, "cannot map a file that the program had mapped shared,",
        why: "it is shorter than what was mapped, or no regular file any more", name: name,
        nameByteCount: nameByteCount)
    }
    return file
  }

  /// Whether the file is the one that the program had mapped and could only read, or one that it
  /// could write.
  static func isUsable(_ region: ckpt_region, _ work: RestoreArena) throws(RestartFailure) -> Bool {
    let object = work.image.objects[Int(region.object)]
    do throws(Errno) {
      try work.setPath(region.path)
      let file = try FileDescriptor(path: work.path, .readOnly)
      let status = try FileStatus(of: file.number)
      // What others write too is theirs, as long as it is there.
      if region.has(CKPT_REGION_WRITABLE_FILE) { return true }
      return status.kind == .regular && status.byteCount == object.byte_count
        && status.modifiedSeconds == object.modified_seconds
        && status.modifiedNanoseconds == object.modified_nanoseconds
    } catch {
      return false
    }
  }
}
