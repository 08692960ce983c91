internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// The connection to a waiting `ckpt save`: records, one a message.
///
/// No call here waits longer than the protocol's patience: `ckpt` may be gone or stuck, and the
/// program must not hang for it. Source of the layouts: `ckpt_protocol.h`; unix(7), cmsg(3).
struct ControlSocket: BitwiseCopyable {
  let number: Int32

  private static let unixFamily: UInt16 = 1
  /// SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK.
  private static let type = 5 | 0x80000 | 0x800
  /// MSG_NOSIGNAL | MSG_DONTWAIT.
  private static let sendFlags = 0x4000 | 0x40
  /// MSG_CMSG_CLOEXEC.
  private static let receiveFlags = 0x4000_0000
  /// SOL_SOCKET, SO_PEERCRED.
  private static let socketLevel = 1
  private static let peerCredentials = 17
  /// What another user namespace's unmapped users look like.
  private static let overflowUser: UInt32 = 65534

  /// Connects to the abstract address that `token` names, and looks who is there.
  ///
  /// - Throws: `connectionRefused` when nobody listens, `notPermitted` when the listener is neither
  ///   this program's user nor root.
  init(token: UInt64) throws(Errno) {
    let number = Int32(
      truncatingIfNeeded: try systemCall(
        SyscallNumber.socket, Int(Self.unixFamily), Self.type, 0))
    self.number = number
    do throws(Errno) {
      var name = Line()
      name.append(UInt8(truncatingIfNeeded: Self.unixFamily))
      name.append(0)
      name.append(0)
      name.append("ckpt-")
      var shift: UInt64 = 64
      while shift > 0 {
        shift -= 4
        name.append(hex: token >> shift & 0xF)
      }
      let count = name.count
      try name.withPath { (address) throws(Errno) in
        try systemCall(SyscallNumber.connect, Int(number), address.argument, count)
      }
      try Self.checkPeer(number)
    } catch {
      closeDescriptor(number)
      throw error
    }
  }

  func close() { closeDescriptor(number) }

  private static func checkPeer(_ number: Int32) throws(Errno) {
    var credentials = InlineArray<3, UInt32>(repeating: 0)
    var size: UInt32 = 12
    try withAddress(of: &credentials) { (address) throws(Errno) in
      try withAddress(of: &size) { (length) throws(Errno) in
        try systemCall(
          SyscallNumber.getsockopt, Int(number), socketLevel, peerCredentials, address.argument,
          length.argument)
      }
    }
    let user = credentials[1]
    let own = UInt32(truncatingIfNeeded: rawSystemCall(SyscallNumber.geteuid))
    guard user == own || user == 0 || user == overflowUser else { throw .notPermitted }
  }

  /// Waits until a message is there.
  ///
  /// - Throws: `timedOut`.
  private func awaitMessage(_ milliseconds: Int) throws(Errno) {
    // struct pollfd: the descriptor, POLLIN.
    var poll = UInt64(UInt32(bitPattern: number)) | 1 << 32
    let number = try withAddress(of: &poll) { (address) throws(Errno) in
      try systemCall(SyscallNumber.poll, address.argument, 1, milliseconds)
    }
    guard number > 0 else { throw .timedOut }
  }

  /// What came with a message; -1: nothing.
  struct Message: BitwiseCopyable {
    var byteCount: UInt64 = 0
    var first: Int32 = -1
    var second: Int32 = -1
  }

  /// Receives one message, and up to two descriptors that come along.
  func receive(
    to address: Address, capacity: UInt64,
    milliseconds: Int = Int(CKPT_PROTOCOL_PATIENCE / 1_000_000)
  ) throws(Errno) -> Message {
    try awaitMessage(milliseconds)
    var vector = ckernel_iovec(base: address.rawValue, byte_count: capacity)
    // struct cmsghdr (16 bytes) and two descriptors, in 8-byte words.
    var control = InlineArray<3, UInt64>(repeating: 0)
    var message = ckernel_msghdr()
    message.iov_count = 1
    message.control_bytes = 24
    let count = try withAddress(of: &vector) { (vector) throws(Errno) in
      try withAddress(of: &control) { (control) throws(Errno) in
        message.iov = vector.rawValue
        message.control = control.rawValue
        return try withAddress(of: &message) { (message) throws(Errno) in
          try systemCall(
            SyscallNumber.recvmsg, Int(number), message.argument, Self.receiveFlags)
        }
      }
    }
    guard count > 0 else { throw .brokenPipe }
    var received = Message(byteCount: UInt64(count))
    // SOL_SOCKET, SCM_RIGHTS; the first word is the length: 20 with one descriptor, 24 with two.
    if message.control_bytes >= 20, control[1] == 0x1_0000_0001 {
      received.first = Int32(truncatingIfNeeded: Int64(bitPattern: control[2]))
      if control[0] >= 24 {
        received.second = Int32(truncatingIfNeeded: Int64(bitPattern: control[2]) >> 32)
      }
    }
    return received
  }

  /// Sends a message; when `ckpt` doesn't take it, it is lost.
  func send(_ address: Address, byteCount: UInt64) {
    _ = rawSystemCall(
      SyscallNumber.sendto, Int(number), address.argument, Int(byteCount), Self.sendFlags)
  }
}
