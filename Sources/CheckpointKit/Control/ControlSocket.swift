internal import CKernel
internal import Kernel
public import KernelABI

/// The abstract address on which `ckpt` waits for the agent.
///
/// Abstract: no file to leave behind, and reachable from another mount or PID namespace. It is
/// known only to who got the signal, and both sides look at who the other is.
///
/// Source: unix(7).
public struct ControlListener: ~Copyable {
  let descriptor: FileDescriptor

  public init(_ token: ControlToken) throws(Errno) {
    let type = 5 | 0o2000000  // SOCK_SEQPACKET | SOCK_CLOEXEC
    let socket = FileDescriptor(
      adopting: Int32(try systemCall(SyscallNumber.socket, 1, type, 0)))
    let number = Int(socket.number)
    let address: [UInt8] = [1, 0, 0] + Array(token.socketName.utf8)
    try withAddress(ofBytes: address) { pointer throws(Errno) in
      _ = try systemCall(SyscallNumber.bind, number, pointer.argument, address.count)
    }
    try systemCall(SyscallNumber.listen, number, 4)
    descriptor = socket
  }

  /// Takes the next connection; the caller has waited until there is one.
  public borrowing func accept() throws(Errno) -> ControlConnection {
    let number = Int(descriptor.number)
    let raw = try retryingInterrupts { () throws(Errno) in
      try systemCall(SyscallNumber.accept4, number, 0, 0, 0o2000000)
    }
    return ControlConnection(descriptor: FileDescriptor(adopting: Int32(raw)))
  }
}

/// Who is at the other end of a socket, as the kernel saw it when it connected.
///
/// Source: unix(7), SO_PEERCRED; `include/linux/socket.h`, struct ucred.
public struct PeerCredentials: Equatable, Sendable {
  /// 0 for a process that this PID namespace doesn't see.
  public var pid: Int32
  public var user: UInt32
}

/// A connection on which whole messages travel.
public struct ControlConnection: ~Copyable {
  let descriptor: FileDescriptor

  init(descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  public borrowing func peer() throws(Errno) -> PeerCredentials {
    let number = Int(descriptor.number)
    var credentials = [UInt8](repeating: 0, count: 12)
    var length: UInt32 = 12
    _ = try withAddress(ofMutableBytes: &credentials) { pointer throws(Errno) in
      try withAddress(of: &length) { length throws(Errno) in
        try systemCall(
          SyscallNumber.getsockopt, number, 1, 17, pointer.argument, length.argument)
      }
    }
    return PeerCredentials(
      pid: value(Int32.self, in: credentials) ?? 0,
      user: value(UInt32.self, in: credentials, at: 4) ?? 0)
  }

  /// Sends one message, with up to two descriptors to pass.
  ///
  /// Source: sendmsg(2), MSG_NOSIGNAL; unix(7), SCM_RIGHTS.
  public borrowing func send(_ message: [UInt8], passing passed: [Int32] = []) throws(Errno) {
    let number = Int(descriptor.number)
    // struct cmsghdr: length, SOL_SOCKET, SCM_RIGHTS, the descriptors, and padding to 24 bytes.
    let rights = (passed + [0, 0]).prefix(2).flatMap { bytes(of: $0) }
    let control =
      passed.isEmpty
      ? []
      : bytes(of: UInt64(16 + 4 * passed.count)) + bytes(of: Int32(1)) + bytes(of: Int32(1))
        + rights
    try withAddress(ofBytes: message) { text throws(Errno) in
      try withAddress(ofBytes: control) { rights throws(Errno) in
        var piece = ckernel_iovec(base: text.rawValue, byte_count: UInt64(message.count))
        _ = try withAddress(of: &piece) { piece throws(Errno) in
          var header = ckernel_msghdr()
          header.iov = piece.rawValue
          header.iov_count = 1
          if !control.isEmpty {
            header.control = rights.rawValue
            header.control_bytes = UInt64(control.count)
          }
          return try withAddress(of: &header) { header throws(Errno) in
            try systemCall(SyscallNumber.sendmsg, number, header.argument, 0x4000)
          }
        }
      }
    }
  }

  /// The next message, empty when the other end is closed.
  public borrowing func receive() throws(Errno) -> [UInt8] {
    let number = Int(descriptor.number)
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = try retryingInterrupts { () throws(Errno) in
      try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
        try systemCall(SyscallNumber.recvfrom, number, address.argument, 8192, 0, 0, 0)
      }
    }
    return Array(buffer[0..<count])
  }
}
