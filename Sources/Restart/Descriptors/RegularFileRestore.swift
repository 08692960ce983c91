internal import CImage
internal import Kernel
internal import KernelABI

/// Files that must be there: opened again by their paths.
enum RegularFileRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    // A file opened by O_TMPFILE and linked since has O_DIRECTORY, a part of that flag, too.
    let opening = OpenFlags(
      rawValue: flags.forReopening.rawValue & ~(flags.contains(.path) ? 0 : 0o200000))
    try remake(index, context)
    let number = try context.doing(
      "cannot reopen descriptor", index, hint: "bring the file back to where it was"
    ) { () throws(Errno) in
      try Files.open(path: try context.path(file.path), opening)
    }
    try context.keep(number, as: index)
    if !flags.contains(.path) { try check(index, flags, context) }
  }

  /// A POSIX shared memory object that is gone, and that the image has since it was mapped.
  private static func remake(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    for object in 0..<context.image.objects.count {
      let record = context.image.objects[object]
      guard record.kind == CKPT_OBJECT_SHARED_FILE, record.inode == file.inode,
        record.device == file.device
      else { continue }
      let isGone = try context.doing("cannot look at descriptor", index) { () throws(Errno) in
        try isMissing(try context.path(file.path))
      }
      if isGone { _ = try context.objects.descriptor(for: object) }
    }
  }

  private static func isMissing(_ path: Address) throws(Errno) -> Bool {
    do throws(Errno) { _ = try FileStatus(path: path) } catch {
      guard error == .noSuchFile else { throw error }
      return true
    }
    return false
  }

  /// A file that grew is fine; one that shrank would be read or written at the wrong place.
  private static func check(
    _ index: Int, _ flags: OpenFlags, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let file = context.image.files[index]
    let number = context.opened[index]
    let status = try context.doing("cannot look at descriptor", index) { () throws(Errno) in
      try FileStatus(of: number)
    }
    guard status.kind == .regular else {
      throw context.failure(
        "cannot reopen descriptor", index, why: "another kind of file is there now",
        hint: "bring the file back to where it was")
    }
    if status.byteCount < file.byte_count, !flags.contains(.append) {
      throw context.failure(
        "cannot reopen descriptor", index, why: "the file is shorter than at the checkpoint",
        hint: "bring the file back as it was")
    }
    try context.doing("cannot set the position of descriptor", index) { () throws(Errno) in
      if file.position > 0 { try Descriptors.seek(number, to: file.position) }
    }
  }
}

enum DirectoryRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    let number = try context.doing(
      "cannot reopen directory", index, hint: "bring the directory back to where it was"
    ) { () throws(Errno) in
      let path = try context.path(file.path)
      let name = context.image.address(of: file.path)
      if UnlinkedDirectory.isAt(name, byteCount: Int(file.path.byte_count), path: path) {
        return try UnlinkedDirectory.use { (path) throws(Errno) in
          try Files.open(path: path, flags.forReopening | .directory)
        }
      }
      return try Files.open(path: path, flags.forReopening | .directory)
    }
    try context.keep(number, as: index)
    guard !flags.contains(.path), file.position > 0 else { return }
    // A position of a directory is the file system's secret: one that it doesn't know is no harm.
    _ = try? Descriptors.seek(context.opened[index], to: file.position)
  }
}

/// Files without a name: each open file description is a new look at the object.
enum ObjectFileRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    guard file.object != CKPT_NONE, Int(file.object) < context.image.objects.count else {
      throw context.damaged(index)
    }
    let contents = try context.objects.descriptor(for: Int(file.object))
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    let opening = OpenFlags(
      rawValue: flags.forReopening.rawValue & ~(0o200000 | 0o40000 | 0o400000))
    let number = try context.doing("cannot reopen descriptor", index) { () throws(Errno) in
      let number = try Files.reopen(contents, opening)
      if !flags.contains(.path), file.position > 0 {
        try Descriptors.seek(number, to: file.position)
      }
      return number
    }
    try context.keep(number, as: index)
  }
}
