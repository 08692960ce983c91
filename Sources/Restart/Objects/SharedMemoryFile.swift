internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// A named file that the program had mapped shared, and that is gone or has changed.
enum SharedMemoryFile {
  /// Makes a POSIX shared memory object or semaphore again under its name, if there is none; of any
  /// other file a copy in memory.
  ///
  /// - Returns: it, open for reading and writing and empty.
  ///
  /// Source: shm_open(3), sem_open(3): files of /dev/shm.
  static func make(_ object: ckpt_object, at name: Address) throws(Errno) -> Int32 {
    let count = Int(object.name.byte_count)
    var cursor = TextCursor(Memory.bytes(at: name, count: count))
    var path = Line()
    path.append(at: name, count: count)
    if cursor.take("/dev/shm/"), path.count == count,
      let number = try? path.withPath({ (path) throws(Errno) in
        try Files.open(
          path: path, .readWrite | .create | .exclusive | .noFollow, mode: object.mode & 0o777)
      })
    {
      return number
    }
    return try Files.memoryFile(name: ("ckpt-file" as StaticString).address, flags: 0)
  }
}
