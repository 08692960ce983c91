internal import CImage
internal import Kernel
internal import KernelABI

/// Pipes: all ends that the program had, with the bytes that were in it.
enum PipeRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    if OpenFlags(rawValue: Int32(bitPattern: file.status_flags)).contains(.path) {
      throw context.failure("cannot reopen descriptor", index, why: "it is an O_PATH pipe")
    }
    let record = try context.record(index, ckpt_file_pipe.self)
    if record.flags & CKPT_PIPE_PEER_OUTSIDE != 0, (0...2).contains(record.standard) {
      let number = try context.doing("cannot replace descriptor", index) { () throws(Errno) in
        try context.standard(record.standard)
      }
      return try context.keep(number, as: index)
    }
    if record.flags & CKPT_PIPE_PEER_OUTSIDE != 0 {
      context.warn("its other end was another process's, it is closed now:", index)
    }
    try make(index, record, context)
  }

  private static func make(
    _ index: Int, _ record: ckpt_file_pipe, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let ends = try context.doing("cannot make the pipe of descriptor", index) { () throws(Errno) in
      try Pipes.make(.nonBlocking)
    }
    let reader = FileDescriptor(adopting: ends.reader)
    let writer = FileDescriptor(adopting: ends.writer)
    try context.doing("cannot fill the pipe of descriptor", index) { () throws(Errno) in
      try fill(writer.number, index, record, context)
    }
    let file = context.image.files[index]
    for other in index..<context.image.files.count {
      let end = context.image.files[other]
      guard end.kind == file.kind, end.inode == file.inode, end.device == file.device else {
        continue
      }
      try openEnd(other, reader.number, writer.number, context)
    }
    _ = consume reader
    _ = consume writer
  }

  static func fill(
    _ writer: Int32, _ index: Int, _ record: ckpt_file_pipe, _ context: FileRestoreContext
  ) throws(Errno) {
    if try Pipes.capacity(writer) != Int(record.capacity) {
      try Pipes.setCapacity(writer, Int(record.capacity))
    }
    let isFramed = record.flags & CKPT_PIPE_MESSAGES != 0
    let contents = try context.queues.bytes(of: object(of: index, context), in: context.image)
    if isFramed { try Descriptors.setStatus(writer, .nonBlocking | .direct) }
    try contents.forEach(framed: isFramed) { (address, byteCount) throws(Errno) in
      var done: UInt64 = 0
      while done < byteCount {
        done += try Files.write(writer, from: address + done, byteCount: byteCount - done)
      }
    }
    if isFramed { try Descriptors.setStatus(writer, .nonBlocking) }
  }

  /// What is in a pipe is noted with whichever of its ends.
  private static func object(of index: Int, _ context: FileRestoreContext) -> UInt32 {
    let file = context.image.files[index]
    for other in 0..<context.image.files.count {
      let end = context.image.files[other]
      if end.kind == file.kind, end.inode == file.inode, end.device == file.device,
        end.object != CKPT_NONE
      {
        return end.object
      }
    }
    return CKPT_NONE
  }

  /// The first description of an end is the one that pipe(2) made, others are opened by it.
  private static func openEnd(
    _ index: Int, _ reader: Int32, _ writer: Int32, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let flags = OpenFlags(rawValue: Int32(bitPattern: context.image.files[index].status_flags))
    let access = OpenFlags(rawValue: flags.rawValue & 3)
    let end = access == .writeOnly ? writer : reader
    let number = try context.doing("cannot reopen the pipe as", index) { () throws(Errno) in
      do throws(Errno) {
        return try Files.reopen(end, access | .nonBlocking)
      } catch {
        guard access != .readWrite else { throw error }
        return try Descriptors.duplicate(end, atLeast: 3)
      }
    }
    try context.keep(number, as: index)
  }
}
