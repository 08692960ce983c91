internal import CImage
internal import Kernel
internal import KernelABI

/// The open file descriptions found so far, as a search tree.
///
/// Ordered by device and inode, then by the kernel's own order of descriptions (kcmp(2)): every
/// eventfd, timerfd and epoll of a process shares one inode, and a server has thousands of them.
struct OpenFileList: BitwiseCopyable {
  private struct Node: BitwiseCopyable {
    var key: UInt64
    var number: Int32
    var left: Int32
    var right: Int32
  }

  /// By index in `draft.files`.
  private var nodes: Table<Node>
  private let link: Address
  let process: Int32

  init(in draft: inout ImageDraft) throws(CaptureFailure) {
    do throws(Errno) {
      nodes = try Table(in: &draft.scratch, capacity: draft.files.capacity)
      link = try draft.scratch.reserve(UInt64(OpenFile.linkCapacity))
    } catch {
      throw CaptureFailure(.descriptors, error)
    }
    process = OwnThread.identifier
  }

  /// One of the numbers of a file.
  func number(of file: Int) -> Int32 { nodes[file].number }

  /// The index of the file that `number` refers to, which is added when it is new.
  mutating func find(_ number: Int32, _ draft: inout ImageDraft) throws(Errno) -> Int {
    let status = try FileStatus(of: number)
    let key = Self.key(status)
    var parent = -1
    var next: Int32 = nodes.count > 0 ? 0 : -1
    var goesLeft = false
    while next >= 0 {
      parent = Int(next)
      let node = nodes[parent]
      if key == node.key {
        switch try Descriptors.order(number, node.number, process: process) {
        case .same: return parent
        case .before: goesLeft = true
        case .after, .different: goesLeft = false
        }
      } else {
        goesLeft = key < node.key
      }
      next = goesLeft ? node.left : node.right
    }
    let index = try add(number, status, key, &draft)
    if parent >= 0 { attach(index, to: parent, isLeft: goesLeft) }
    return index
  }

  private mutating func attach(_ index: Int, to parent: Int, isLeft: Bool) {
    var node = nodes[parent]
    if isLeft { node.left = Int32(index) } else { node.right = Int32(index) }
    nodes[parent] = node
  }

  private mutating func add(
    _ number: Int32, _ status: FileStatus, _ key: UInt64, _ draft: inout ImageDraft
  ) throws(Errno) -> Int {
    try nodes.append(Node(key: key, number: number, left: -1, right: -1))
    var file = ckpt_file()
    file.status_flags = UInt32(bitPattern: try Descriptors.status(number).rawValue)
    file.device = status.device
    file.inode = status.inode
    file.mode = status.mode
    file.byte_count = status.byteCount
    file.object = CKPT_NONE
    return try draft.files.append(file)
  }

  /// Mixed, so that inodes that came one after another don't make the tree a list.
  private static func key(_ status: FileStatus) -> UInt64 {
    var key = (status.inode ^ status.device << 32) &* 0x9E37_79B9_7F4A_7C15
    key ^= key >> 29
    return key &* 0xBF58_476D_1CE4_E5B9
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

extension ImageDraft {
  /// The lowest of 0, 1 and 2 that refers to a file of this device and inode, else -1.
  func standardNumber(device: UInt64, inode: UInt64) -> Int32 {
    for index in 0..<descriptors.count {
      let descriptor = descriptors[index]
      guard descriptor.number <= 2 else { break }
      let file = files[Int(descriptor.file)]
      if file.device == device, file.inode == inode { return descriptor.number }
    }
    return -1
  }

  /// An object that was listed already.
  func object(device: UInt64, inode: UInt64) -> Int? {
    for index in 0..<objects.count {
      let object = objects[index]
      if object.inode == inode, object.device == device { return index }
    }
    return nil
  }
}
