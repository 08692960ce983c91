public import KernelABI

/// What the kernel tells of a Unix socket beyond what its owner can ask.
///
/// Source: sock_diag(7); `include/uapi/linux/unix_diag.h`.
public struct UnixDiagnosis: BitwiseCopyable {
  public private(set) var state: UInt8 = 0

  /// Inode of the socket it is connected to; 0: none, or one that nobody has any more.
  public private(set) var peer: UInt32 = 0

  /// Of a listening socket.
  public private(set) var backlog: UInt32 = 0

  /// RCV_SHUTDOWN is 1, SEND_SHUTDOWN 2.
  public private(set) var shutdown: UInt8 = 0

  /// The low half of the inode of its file.
  public private(set) var fileInode: UInt32 = 0

  public static let listening: UInt8 = 10

  /// Asks about the socket with an inode, as stat(2) gives it.
  public init(inode: UInt64) throws(Errno) {
    let netlink = FileDescriptor(
      adopting: try Sockets.make(Sockets.Family.netlink, Sockets.Kind.raw, 4))  // SOCK_DIAG
    try Self.ask(netlink.number, UInt32(truncatingIfNeeded: inode))
    var answer = InlineArray<256, UInt64>(repeating: 0)
    let parsed = try withAddress(of: &answer) { (place) throws(Errno) in
      let count = try netlink.read(to: place, byteCount: 2048)
      return try Self(answer: place, byteCount: Int(count))
    }
    self = parsed
  }

  /// A header of 16 bytes and struct unix_diag_req.
  private static func ask(_ number: Int32, _ inode: UInt32) throws(Errno) {
    // SOCK_DIAG_BY_FAMILY is 20, NLM_F_REQUEST 1; show the file, the peer and the queue.
    var request: InlineArray<10, UInt32> = [
      40, 1 << 16 | 20, 1, 0, 1, .max, inode, 2 | 4 | 16, .max, .max,
    ]
    try withAddress(of: &request) { (place) throws(Errno) in
      guard try Sockets.send(number, from: place, byteCount: 40) == 40 else {
        throw .inputOutput
      }
    }
  }

  private init(answer: Address, byteCount: Int) throws(Errno) {
    guard byteCount >= 32 else { throw .inputOutput }
    let length = min(Int(Memory.load(UInt32.self, at: answer)), byteCount)
    guard Memory.load(UInt16.self, at: answer + 4) == 20 else {
      throw Errno(rawValue: 0 &- Memory.load(Int32.self, at: answer + 16))
    }
    state = Memory.load(UInt8.self, at: answer + 18)
    var offset = 32
    while length - offset >= 4 {
      let attribute = answer + UInt64(offset)
      let size = Int(Memory.load(UInt16.self, at: attribute))
      guard size >= 4, size <= length - offset else { break }
      take(Memory.load(UInt16.self, at: attribute + 2), attribute + 4, size - 4)
      offset += (size + 3) & ~3
    }
  }

  private mutating func take(_ type: UInt16, _ value: Address, _ byteCount: Int) {
    switch type {
    case 1 where byteCount >= 4: fileInode = Memory.load(at: value)
    case 2 where byteCount >= 4: peer = Memory.load(at: value)
    case 4 where byteCount >= 8: backlog = Memory.load(at: value + 4)
    case 6 where byteCount >= 1: shutdown = Memory.load(at: value)
    default: break
    }
  }
}
