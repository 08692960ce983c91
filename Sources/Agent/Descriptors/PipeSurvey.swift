internal import CImage
internal import CheckpointImage
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
    let peers = list.peers(in: draft)
    let ends = peers.ends(ofPipe: item.index)
    var record = ckpt_file_pipe()
    record.standard = -1
    record.capacity = UInt32(
      try item.doing { () throws(Errno) in try Pipes.capacity(item.number) })
    if isPipe {
      let peer = try peers.pipe(item.index) { (ends) throws(CaptureFailure) in
        try isOpen(item, ends)
      }
      note(peer, &record)
    }
    if let reader = ends.reader, record.standard < 0 {
      if ends.hasPackets { record.flags |= CKPT_PIPE_MESSAGES }
      file.object = try contents(item, list.number(of: reader), ends.hasPackets, &draft)
    }
    file.detail = try item.detail(record, &draft)
  }

  private static func note(_ peer: Peer, _ record: inout ckpt_file_pipe) {
    switch peer {
    case .own, .member, .gone: break
    case .standard(let number):
      record.flags |= CKPT_PIPE_PEER_OUTSIDE
      record.standard = number
    case .outside: record.flags |= CKPT_PIPE_PEER_OUTSIDE
    }
  }

  /// Whether anybody has the end that the program lacks.
  ///
  /// Source: pipe(7), poll(2): a reader without writers gets POLLHUP, a writer without readers
  /// POLLERR.
  private static func isOpen(
    _ item: OpenFile, _ ends: PeerSearch.PipeEnds
  ) throws(CaptureFailure) -> Bool {
    let gone = ends.reader != nil ? Descriptors.Poll.hangUp : Descriptors.Poll.error
    let events = try item.doing { () throws(Errno) in
      try Descriptors.poll(item.number, for: 0)
    }
    return events & gone == 0
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
