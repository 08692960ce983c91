internal import Kernel
internal import KernelABI

/// Open file descriptions, found by a descriptor of some process, as a search tree.
///
/// Ordered by device and inode, then by the kernel's own order of descriptions (kcmp(2)): every
/// eventfd, timerfd and epoll of a process shares one inode, and a server has thousands of them.
struct DescriptionTree: BitwiseCopyable {
  private struct Node: BitwiseCopyable {
    var key: UInt64
    var descriptor: ProcessDescriptor
    var left: Int32
    var right: Int32
  }

  /// In the order in which they were found.
  private var nodes: Table<Node>

  init(in scratch: inout Arena, capacity: Int) throws(Errno) {
    nodes = try Table(in: &scratch, capacity: capacity)
  }

  var count: Int { nodes.count }

  /// The descriptor that a description was found by first.
  func descriptor(of index: Int) -> ProcessDescriptor { nodes[index].descriptor }

  /// The description that a descriptor refers to, which is added when it is new.
  ///
  /// - Parameter order: how the kernel orders the descriptions of two descriptors; asked only where
  ///   device and inode are the same.
  mutating func find(
    _ descriptor: ProcessDescriptor, device: UInt64, inode: UInt64,
    _ order: (ProcessDescriptor, ProcessDescriptor) throws(Errno) -> Descriptors.Order
  ) throws(Errno) -> (index: Int, isNew: Bool) {
    let key = Self.key(device, inode)
    var parent = -1
    var next: Int32 = nodes.count > 0 ? 0 : -1
    var goesLeft = false
    while next >= 0 {
      parent = Int(next)
      let node = nodes[parent]
      if key == node.key {
        switch try order(descriptor, node.descriptor) {
        case .same: return (parent, false)
        case .before: goesLeft = true
        case .after, .different: goesLeft = false
        }
      } else {
        goesLeft = key < node.key
      }
      next = goesLeft ? node.left : node.right
    }
    let index = try nodes.append(Node(key: key, descriptor: descriptor, left: -1, right: -1))
    if parent >= 0 { attach(index, to: parent, isLeft: goesLeft) }
    return (index, true)
  }

  private func attach(_ index: Int, to parent: Int, isLeft: Bool) {
    nodes.update(parent) {
      if isLeft { $0.left = Int32(index) } else { $0.right = Int32(index) }
    }
  }

  /// Mixed, so that inodes that came one after another don't make the tree a list.
  private static func key(_ device: UInt64, _ inode: UInt64) -> UInt64 {
    var key = (inode ^ device << 32) &* 0x9E37_79B9_7F4A_7C15
    key ^= key >> 29
    return key &* 0xBF58_476D_1CE4_E5B9
  }
}
