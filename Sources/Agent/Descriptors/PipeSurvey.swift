internal import CImage
internal import Kernel
internal import KernelABI

/// Pipes and FIFOs, with the bytes in them.
enum PipeSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    let isPipe = item.isNamed("pipe:") || item.isMarkedDeleted
    file.kind = isPipe ? CKPT_FILE_PIPE : CKPT_FILE_FIFO
    file.path = try item.path(&draft)
    guard !item.isPath else { return }
    let ends = Ends(of: item, draft)
    var record = ckpt_file_pipe()
    record.standard = -1
    record.capacity = UInt32(
      try item.doing { () throws(Errno) in try Pipes.capacity(item.number) })
    if isPipe, try hasPeerOutside(item, ends) {
      record.flags |= CKPT_PIPE_PEER_OUTSIDE
      record.standard = standard(for: item, draft)
    }
    if ends.hasReader, record.standard < 0 {
      if ends.hasPackets { record.flags |= CKPT_PIPE_MESSAGES }
      file.object = try contents(item, list.number(of: ends.reader), ends.hasPackets, &draft)
    }
    file.detail = try item.detail(record, &draft)
  }

  /// Which ends of a pipe the program has.
  private struct Ends {
    var reader = -1
    var writer = -1
    var hasPackets = false
    var hasReader: Bool { reader >= 0 }

    init(of item: OpenFile, _ draft: ImageDraft) {
      for index in 0..<draft.files.count {
        let file = draft.files[index]
        guard file.inode == item.status.inode, file.device == item.status.device else { continue }
        let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
        guard !flags.contains(.path) else { continue }
        if flags.rawValue & 3 != OpenFlags.writeOnly.rawValue { reader = index }
        if flags.rawValue & 3 != OpenFlags.readOnly.rawValue { writer = index }
        if flags.contains(.direct) { hasPackets = true }
      }
    }
  }

  /// Source: pipe(7), poll(2): a reader without writers gets POLLHUP, a writer without readers
  /// POLLERR.
  private static func hasPeerOutside(
    _ item: OpenFile, _ ends: Ends
  ) throws(CaptureFailure) -> Bool {
    if ends.reader >= 0, ends.writer >= 0 { return false }
    let gone = ends.reader >= 0 ? Descriptors.Poll.hangUp : Descriptors.Poll.error
    let events = try item.doing { () throws(Errno) in
      try Descriptors.poll(item.number, for: 0)
    }
    return events & gone == 0
  }

  /// Which of `restart`'s own descriptors takes the place of a pipe to someone else.
  ///
  /// One that is no standard stream is taken for a stream put aside by a program that redirected
  /// the stream itself to a file (as test runners do). Any other comes back as closed by its peer,
  /// as connections do: many programs inherit pipes that they know nothing of.
  private static func standard(for item: OpenFile, _ draft: ImageDraft) -> Int32 {
    let number = draft.standardNumber(
      device: item.status.device, inode: item.status.inode)
    if number >= 0 { return number }
    let stream: Int32 = item.isWritable ? 1 : 0
    return isRedirected(stream, draft) ? stream : -1
  }

  private static func isRedirected(_ stream: Int32, _ draft: ImageDraft) -> Bool {
    for index in 0..<draft.descriptors.count {
      let descriptor = draft.descriptors[index]
      guard descriptor.number == stream else { continue }
      return FileKind(mode: draft.files[Int(descriptor.file)].mode) == .regular
    }
    return false
  }

  // MARK: Contents

  private static func contents(
    _ item: OpenFile, _ reader: Int32, _ hasPackets: Bool, _ draft: inout ImageDraft
  ) throws(CaptureFailure) -> UInt32 {
    if let found = draft.object(device: item.status.device, inode: item.status.inode) {
      return UInt32(found)
    }
    let count = try item.doing { () throws(Errno) in try Descriptors.readable(reader) }
    guard count > 0 else { return CKPT_NONE }
    let copy = try item.doing { () throws(Errno) in
      try copyOut(of: reader, byteCount: count, hasPackets: hasPackets, &draft)
    }
    guard let copy else { throw item.refused(.contentsUnreadable) }
    return try QueueSurvey.object(item, holding: copy, &draft)
  }

  /// Copies a pipe's bytes to scratch memory by way of a second pipe.
  ///
  /// - Returns: `nil` when not all of it came over.
  private static func copyOut(
    of reader: Int32, byteCount: Int, hasPackets: Bool, _ draft: inout ImageDraft
  ) throws(Errno) -> RawBytes? {
    let ends = try Pipes.make(.nonBlocking)
    let from = FileDescriptor(adopting: ends.reader)
    let to = FileDescriptor(adopting: ends.writer)
    try Pipes.setCapacity(ends.writer, try Pipes.capacity(reader))
    guard try Pipes.copy(from: reader, to: to.number, byteCount: byteCount) == byteCount else {
      return nil
    }
    var queue = QueueWriter(draft)
    var done = 0
    while done < byteCount {
      let count = try queue.append(framed: hasPackets, &draft) { (place, room) throws(Errno) in
        Int(try from.read(to: place, byteCount: UInt64(room)))
      }
      guard count > 0 else { return nil }
      done += count
    }
    _ = consume to
    return queue.bytes
  }
}
