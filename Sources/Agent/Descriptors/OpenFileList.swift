internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// All open file descriptions of the program, each under one of its numbers.
///
/// Listed before any is looked at for what its kind needs: what relates one to another
/// (`PeerSearch`) needs the whole list.
struct OpenFileList: BitwiseCopyable {
  private var tree: DescriptionTree
  private let link: Address
  private var connections: ConnectionList
  let process: Int32

  /// Lists the files behind `draft.descriptors`, which get their indices in `draft.files`.
  init(of draft: inout ImageDraft) throws(CaptureFailure) {
    process = OwnThread.identifier
    do throws(Errno) {
      tree = try DescriptionTree(in: &draft.scratch, capacity: draft.files.capacity)
      link = try draft.scratch.reserve(UInt64(OpenFile.linkCapacity))
      connections = try ConnectionList(in: &draft.scratch, capacity: 0)
    } catch {
      throw CaptureFailure(.descriptors, error)
    }
    var sockets = 0
    for index in 0..<draft.descriptors.count {
      let number = draft.descriptors[index].number
      do throws(Errno) {
        let file = try add(number, &draft)
        draft.descriptors.update(index) { $0.file = UInt32(file) }
      } catch {
        throw CaptureFailure(.descriptor, error, subject: UInt64(UInt32(bitPattern: number)))
      }
    }
    for index in 0..<draft.files.count where draft.files[index].fileKind == .socket { sockets += 1 }
    do throws(Errno) {
      connections = try ConnectionList(in: &draft.scratch, capacity: sockets)
      for index in 0..<draft.files.count where draft.files[index].fileKind == .socket {
        try addConnection(index)
      }
    } catch {
      throw CaptureFailure(.descriptors, error)
    }
  }

  /// - Returns: the index of the file that a number refers to.
  private mutating func add(
    _ number: Int32, _ draft: inout ImageDraft
  ) throws(Errno) -> Int {
    let status = try FileStatus(of: number)
    let found = try tree.find(
      ProcessDescriptor(process: process, number: number), device: status.device,
      inode: status.inode
    ) { (lhs, rhs) throws(Errno) in try Descriptors.order(lhs, rhs) }
    if found.isNew { try draft.files.append(try Self.record(number, status)) }
    return found.index
  }

  private static func record(
    _ number: Int32, _ status: FileStatus
  ) throws(Errno) -> ckpt_file {
    var file = ckpt_file()
    file.status_flags = UInt32(bitPattern: try Descriptors.status(number).rawValue)
    file.device = status.device
    file.inode = status.inode
    file.mode = status.mode
    file.byte_count = status.byteCount
    file.object = CKPT_NONE
    return file
  }

  private mutating func addConnection(_ file: Int) throws(Errno) {
    let number = number(of: file)
    guard let address = try? Sockets.remoteAddress(number),
      let remote = InternetAddress(address),
      (try? Sockets.option(number, .kind)) == Sockets.Kind.stream,
      let local = (try? Sockets.localAddress(number)).flatMap({ InternetAddress($0) })
    else { return }
    try connections.append(file: file, from: local, to: remote)
  }

  /// One of the numbers of a file.
  func number(of file: Int) -> Int32 { descriptor(of: file).number }

  func descriptor(of file: Int) -> ProcessDescriptor { tree.descriptor(of: file) }

  func peers(in draft: ImageDraft) -> PeerSearch {
    PeerSearch(
      files: draft.files, descriptors: draft.descriptors, connections: connections,
      process: Process.ownID)
  }

  /// Looks at a file again, for what its kind needs.
  func open(_ index: Int, _ draft: inout ImageDraft) throws(CaptureFailure) -> OpenFile {
    let number = number(of: index)
    do throws(Errno) {
      var path = Line("/proc/thread-self/fd/")
      path.append(decimal: UInt64(UInt32(bitPattern: number)))
      let count = try path.withPath { (path) throws(Errno) in
        try Descriptors.readLink(path: path, to: link, capacity: OpenFile.linkCapacity)
      }
      return OpenFile(
        index: index, number: number, status: try FileStatus(of: number),
        flags: OpenFlags(rawValue: Int32(bitPattern: draft.files[index].status_flags)),
        link: link, linkByteCount: count)
    } catch {
      throw CaptureFailure(.descriptor, error, subject: UInt64(UInt32(bitPattern: number)))
    }
  }
}

extension ckpt_file {
  var fileKind: FileKind { FileKind(mode: mode) }
}
