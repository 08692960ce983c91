internal import CImage
internal import Kernel
internal import KernelABI

/// Pipes: all ends that the program had, with the bytes that were in it.
enum PipeRestore {
  static func open(_ index: Int, _ bench: inout Workbench) throws(RestartFailure) {
    let file = bench.image.files[index]
    if OpenFlags(rawValue: Int32(bitPattern: file.status_flags)).contains(.path) {
      throw bench.failure("cannot reopen descriptor", index, why: "it is an O_PATH pipe")
    }
    let record = try bench.record(index, ckpt_file_pipe.self)
    if record.flags & CKPT_PIPE_PEER_OUTSIDE != 0, (0...2).contains(record.standard) {
      let copy = bench
      let number = try bench.doing("cannot replace descriptor", index) { () throws(Errno) in
        try copy.standard(record.standard)
      }
      return try bench.keep(number, as: index)
    }
    if record.flags & CKPT_PIPE_PEER_OUTSIDE != 0 {
      bench.warn("its other end was another process's, it is closed now:", index)
    }
    try make(index, record, &bench)
  }

  private static func make(
    _ index: Int, _ record: ckpt_file_pipe, _ bench: inout Workbench
  ) throws(RestartFailure) {
    let ends = try bench.doing("cannot make the pipe of descriptor", index) { () throws(Errno) in
      try Pipes.make(.nonBlocking)
    }
    let reader = FileDescriptor(adopting: ends.reader)
    let writer = FileDescriptor(adopting: ends.writer)
    var work = bench
    try bench.doing("cannot fill the pipe of descriptor", index) { () throws(Errno) in
      try fill(writer.number, index, record, &work)
    }
    let file = bench.image.files[index]
    for other in index..<bench.image.files.count {
      let end = bench.image.files[other]
      guard end.kind == file.kind, end.inode == file.inode, end.device == file.device else {
        continue
      }
      try openEnd(other, reader.number, writer.number, bench)
    }
    _ = consume reader
    _ = consume writer
  }

  static func fill(
    _ writer: Int32, _ index: Int, _ record: ckpt_file_pipe, _ bench: inout Workbench
  ) throws(Errno) {
    if try Pipes.capacity(writer) != Int(record.capacity) {
      try Pipes.setCapacity(writer, Int(record.capacity))
    }
    let isFramed = record.flags & CKPT_PIPE_MESSAGES != 0
    let mark = bench.scratch.next
    let contents = try bench.contents(of: object(of: index, bench))
    if isFramed { try Descriptors.setStatus(writer, .nonBlocking | .direct) }
    try contents.forEach(framed: isFramed) { (address, byteCount) throws(Errno) in
      var done: UInt64 = 0
      while done < byteCount {
        done += try Files.write(writer, from: address + done, byteCount: byteCount - done)
      }
    }
    if isFramed { try Descriptors.setStatus(writer, .nonBlocking) }
    bench.scratch.rewind(to: mark)
  }

  /// What is in a pipe is noted with whichever of its ends.
  private static func object(of index: Int, _ bench: Workbench) -> UInt32 {
    let file = bench.image.files[index]
    for other in 0..<bench.image.files.count {
      let end = bench.image.files[other]
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
    _ index: Int, _ reader: Int32, _ writer: Int32, _ bench: Workbench
  ) throws(RestartFailure) {
    let flags = OpenFlags(rawValue: Int32(bitPattern: bench.image.files[index].status_flags))
    let access = OpenFlags(rawValue: flags.rawValue & 3)
    let end = access == .writeOnly ? writer : reader
    let number = try bench.doing("cannot reopen the pipe as", index) { () throws(Errno) in
      do throws(Errno) {
        return try Files.reopen(end, access | .nonBlocking)
      } catch {
        guard access != .readWrite else { throw error }
        return try Descriptors.duplicate(end, atLeast: 3)
      }
    }
    try bench.keep(number, as: index)
  }
}
