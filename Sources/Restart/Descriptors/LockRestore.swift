internal import CImage
internal import Kernel
internal import KernelABI

/// Takes the file locks that the program held.
///
/// As the last of all: closing any descriptor of a file gives up the process's POSIX locks on it.
enum LockRestore {
  /// - Parameter isExecutable: the standard streams are other files.
  /// - Precondition: the program's descriptors are at their numbers.
  static func run(_ image: LoadedImage, isExecutable: Bool) throws(RestartFailure) {
    for index in 0..<image.descriptors.count {
      let descriptor = image.descriptors[index]
      let file = image.files[Int(descriptor.file)]
      guard hasLocks(file), isFirst(index, image) else { continue }
      if isExecutable, StandardStreams.number(of: Int(descriptor.file), in: image) >= 0 {
        continue
      }
      guard let detail = FileDetail(file, image) else { continue }
      for position in 0..<detail.locks.count {
        try take(detail.locks[position], descriptor.number, file, image)
      }
    }
  }

  private static func hasLocks(_ file: ckpt_file) -> Bool {
    switch file.kind {
    case CKPT_FILE_REGULAR, CKPT_FILE_DIRECTORY, CKPT_FILE_UNLINKED, CKPT_FILE_MEMFD: true
    default: false
    }
  }

  /// Whether this is the lowest number of its file.
  private static func isFirst(_ index: Int, _ image: LoadedImage) -> Bool {
    for earlier in 0..<index where image.descriptors[earlier].file == image.descriptors[index].file
    {
      return false
    }
    return true
  }

  private static func take(
    _ lock: ckpt_file_lock, _ number: Int32, _ file: ckpt_file, _ image: LoadedImage
  ) throws(RestartFailure) {
    // The process's locks show on every descriptor of a file, also on those that can't take them.
    let access = file.status_flags & 3
    let canTake = lock.exclusive != 0 ? access != 0 : access != 1
    guard lock.kind == CKPT_LOCK_FLOCK || canTake else { return }
    try during(
      "cannot lock again what the program had locked:", hint: "another process holds a lock on it",
      name: image.address(of: file.path), nameByteCount: Int(file.path.byte_count)
    ) { () throws(Errno) in
      if lock.kind == CKPT_LOCK_FLOCK {
        return try Files.lockWhole(number, exclusive: lock.exclusive != 0)
      }
      try Files.lock(
        number, exclusive: lock.exclusive != 0, start: lock.start, byteCount: lock.byte_count,
        byDescription: lock.kind == CKPT_LOCK_DESCRIPTION)
    }
  }
}
