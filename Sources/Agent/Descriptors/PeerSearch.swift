internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Decides who the peer of an open file description is, when all of them are listed.
///
/// The one place that knows which processes belong to the image. Pure: what only the kernel can tell
/// comes as a closure, which is called when it decides something.
struct PeerSearch: BitwiseCopyable {
  let files: Table<ckpt_file>

  /// In the order of their numbers.
  let descriptors: Table<ckpt_descriptor>
  let connections: ConnectionList

  /// The process whose descriptors they are.
  let process: Int32

  // MARK: Pipes

  /// Which ends of a pipe the image has: indices in `files`.
  struct PipeEnds: Equatable, BitwiseCopyable {
    var reader: Int?
    var writer: Int?

    /// Whether one of them is in packet mode.
    var hasPackets = false
  }

  func ends(ofPipe index: Int) -> PipeEnds {
    var ends = PipeEnds()
    for other in 0..<files.count where isSameInode(other, index) {
      let flags = flags(of: other)
      guard !flags.contains(.path) else { continue }
      if flags.isReadable { ends.reader = other }
      if flags.isWritable { ends.writer = other }
      if flags.contains(.direct) { ends.hasPackets = true }
    }
    return ends
  }

  /// The other end of a pipe.
  ///
  /// One at another process that is no standard stream is taken for a stream put aside by a program
  /// that redirected the stream itself to a file (as test runners do). Any other is `outside`: many
  /// programs inherit pipes that they know nothing of.
  ///
  /// - Parameter isOpen: whether somebody has the end that the image lacks.
  func pipe(
    _ index: Int, _ isOpen: (PipeEnds) throws(CaptureFailure) -> Bool
  ) throws(CaptureFailure) -> Peer {
    let ends = ends(ofPipe: index)
    if let reader = ends.reader, let writer = ends.writer {
      return .own(flags(of: index).isWritable ? reader : writer)
    }
    guard try isOpen(ends) else { return .gone }
    if let number = standardNumber(of: index) { return .standard(number) }
    let stream: Int32 = flags(of: index).isWritable ? 1 : 0
    return isRegularFile(stream) ? .standard(stream) : .outside
  }

  private func isRegularFile(_ number: Int32) -> Bool {
    file(at: number).map { FileKind(mode: files[$0].mode) == .regular } ?? false
  }

  // MARK: Sockets

  /// The socket that a Unix socket is connected to.
  ///
  /// - Parameters:
  ///   - inode: its inode, 0: there is none.
  ///   - isMutual: whether the socket with an inode is connected to this one in turn. A datagram
  ///     socket may be the target of many; the ends of a socketpair(2) are each other's. Their having
  ///     names says nothing: SO_PASSCRED gives them one.
  func unixSocket(
    _ index: Int, connectedTo inode: UInt32, _ isMutual: (UInt64) -> Bool
  ) -> Peer {
    guard inode != 0 else { return .gone }
    if let own = socket(withInode: inode, besides: index), isMutual(files[own].inode) {
      return .own(own)
    }
    return outsideOrStandard(index)
  }

  /// sock_diag(7) gives the low half of an inode.
  private func socket(withInode inode: UInt32, besides index: Int) -> Int? {
    for other in 0..<files.count {
      let file = files[other]
      if UInt32(truncatingIfNeeded: file.inode) == inode, file.device == files[index].device,
        FileKind(mode: file.mode) == .socket
      {
        return other
      }
    }
    return nil
  }

  /// The other end of a TCP connection.
  func connection(_ index: Int) -> Peer {
    if let own = connections.peer(of: index) { return .own(own) }
    return outsideOrStandard(index)
  }

  private func outsideOrStandard(_ index: Int) -> Peer {
    standardNumber(of: index).map { .standard($0) } ?? .outside
  }

  // MARK: What a file refers to

  /// What an entry of an epoll set watches: mostly the file at its number, but that may be closed by
  /// now, or another file's.
  ///
  /// - Parameter isWatched: whether the entry watches a file, `nil`: the kernel doesn't tell.
  func target(of entry: FdinfoEpollEntry, _ isWatched: (Int) -> Bool?) -> Peer {
    let usual = file(at: entry.number)
    if let usual, isTarget(usual, of: entry, usual, isWatched) { return .own(usual) }
    for index in 0..<files.count where isTarget(index, of: entry, usual, isWatched) {
      return .own(index)
    }
    return .outside
  }

  private func isTarget(
    _ index: Int, of entry: FdinfoEpollEntry, _ usual: Int?, _ isWatched: (Int) -> Bool?
  ) -> Bool {
    guard files[index].inode == entry.inode, files[index].device == entry.device else {
      return false
    }
    return isWatched(index) ?? (usual == index)
  }

  /// The process that a pidfd refers to.
  ///
  /// - Parameter identifier: as fdinfo has it; -1: it has ended.
  func process(_ identifier: Int64) -> Peer {
    if identifier == -1 { return .gone }
    return identifier == Int64(process) ? .member(process) : .outside
  }

  // MARK: Standard streams

  /// The lowest of 0, 1 and 2 that refers to the inode of a file, `nil`: none does.
  func standardNumber(of index: Int) -> Int32? {
    for other in 0..<descriptors.count {
      let descriptor = descriptors[other]
      guard descriptor.number <= 2 else { break }
      if isSameInode(Int(descriptor.file), index) { return descriptor.number }
    }
    return nil
  }

  /// The file that a number refers to.
  private func file(at number: Int32) -> Int? {
    var low = 0
    var high = descriptors.count
    while low < high {
      let middle = (low + high) / 2
      if descriptors[middle].number < number { low = middle + 1 } else { high = middle }
    }
    guard low < descriptors.count, descriptors[low].number == number else { return nil }
    return Int(descriptors[low].file)
  }

  private func isSameInode(_ lhs: Int, _ rhs: Int) -> Bool {
    files[lhs].inode == files[rhs].inode && files[lhs].device == files[rhs].device
  }

  private func flags(of index: Int) -> OpenFlags {
    OpenFlags(rawValue: Int32(bitPattern: files[index].status_flags))
  }
}
