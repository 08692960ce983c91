internal import CImage
internal import Kernel
internal import KernelABI

/// Pipes with a name: opened again by it.
enum FifoRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    let number = try context.doing(
      "cannot reopen descriptor", index, hint: "bring the FIFO back to where it was"
    ) { () throws(Errno) in
      let path = try context.path(file.path)
      guard !flags.contains(.path) else {
        return try Files.open(path: path, flags.forReopening)
      }
      guard try FileStatus(path: path).kind == .fifo else { throw .noSuchFile }
      // Open both ways, so that neither end waits for the other nor fails for want of it.
      let both = FileDescriptor(
        adopting: try Files.open(path: path, .readWrite | .nonBlocking))
      let number = try Files.open(path: path, flags.forReopening | .nonBlocking)
      _ = consume both
      return number
    }
    try context.keep(number, as: index)
    guard file.object != CKPT_NONE, !flags.contains(.path) else { return }
    try refill(index, context)
  }

  /// Puts back what was in it, unless someone else kept it alive meanwhile.
  private static func refill(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let record = try context.record(index, ckpt_file_pipe.self)
    let number = context.opened[index]
    try context.doing("cannot fill the FIFO of descriptor", index) { () throws(Errno) in
      guard try Descriptors.readable(number) == 0 else { return }
      let writer = FileDescriptor(
        adopting: try Files.reopen(number, .readWrite | .nonBlocking))
      try PipeRestore.fill(writer.number, index, record, context)
    }
  }
}
