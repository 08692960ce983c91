internal import CKernel
public import KernelABI

/// Messages that carry open file descriptions through a Unix socket (SCM_RIGHTS).
///
/// Source: unix(7), cmsg(3), recvmsg(2), sendmsg(2).
public enum DescriptorPassing {
  /// What came with a message; -1: nothing.
  public struct Received: BitwiseCopyable {
    public var byteCount: UInt64 = 0
    public var first: Int32 = -1
    public var second: Int32 = -1
  }

  /// struct cmsghdr and up to two descriptors.
  struct Control: BitwiseCopyable {
    var byteCount: UInt64 = 0
    var level = SocketOption.socketLevel
    var type = ControlMessage.rights
    var first: Int32 = -1
    var second: Int32 = -1

    static let headerByteCount: UInt64 = 16
  }

  /// Sends bytes and up to two descriptors, without SIGPIPE.
  ///
  /// - Parameter waits: until there is room for them; else `tryAgain` is thrown.
  public static func send(
    _ number: Int32, from address: Address, byteCount: UInt64, first: Int32 = -1,
    second: Int32 = -1, waits: Bool
  ) throws(Errno) {
    let count: UInt64 = first < 0 ? 0 : second < 0 ? 1 : 2
    var control = Control()
    control.byteCount = Control.headerByteCount + 4 * count
    (control.first, control.second) = (first, second)
    var vector = ckernel_iovec(base: address.rawValue, byte_count: byteCount)
    try exchange(
      SyscallNumber.sendmsg, number, &vector, &control, count == 0 ? 0 : 24,
      Sockets.noSignal | (waits ? 0 : Sockets.noWait))
  }

  /// Receives a message and the descriptors that came along, close-on-exec.
  ///
  /// - Parameter waits: until there is one; else `tryAgain` is thrown.
  /// - Returns: no bytes when the other end is closed.
  public static func receive(
    _ number: Int32, to address: Address, capacity: UInt64, waits: Bool
  ) throws(Errno) -> Received {
    var control = Control()
    var vector = ckernel_iovec(base: address.rawValue, byte_count: capacity)
    let (count, controlByteCount) = try exchange(
      SyscallNumber.recvmsg, number, &vector, &control, UInt64(MemoryLayout<Control>.size),
      Sockets.closeOnExecReceived | (waits ? 0 : Sockets.noWait))
    var received = Received(byteCount: UInt64(count))
    guard controlByteCount >= 20, control.level == SocketOption.socketLevel,
      control.type == ControlMessage.rights
    else { return received }
    received.first = control.first
    if control.byteCount >= 24 { received.second = control.second }
    return received
  }

  /// - Returns: bytes that were sent or received, and those of control messages that came.
  @discardableResult
  private static func exchange(
    _ call: Int, _ number: Int32, _ vector: inout ckernel_iovec, _ control: inout Control,
    _ controlByteCount: UInt64, _ flags: Int
  ) throws(Errno) -> (count: Int, controlByteCount: UInt64) {
    var message = ckernel_msghdr()
    message.iov_count = 1
    message.control_bytes = controlByteCount
    let count = try withAddress(of: &vector) { (vector) throws(Errno) in
      try withAddress(of: &control) { (control) throws(Errno) in
        message.iov = vector.rawValue
        if controlByteCount > 0 { message.control = control.rawValue }
        return try withAddress(of: &message) { (message) throws(Errno) in
          try systemCall(call, Int(number), message.argument, flags)
        }
      }
    }
    return (count, message.control_bytes)
  }
}

/// Ancillary data of a message: a header of 16 bytes and what it holds, one after another.
///
/// Source: cmsg(3); `include/linux/socket.h`.
enum ControlMessage {
  static let rights: Int32 = 1  // SCM_RIGHTS
  static let process: Int32 = 4  // SCM_PIDFD

  /// Closes every descriptor among them.
  ///
  /// - Returns: whether there was one that somebody had passed.
  static func closeDescriptors(_ control: Address, _ byteCount: Int) -> Bool {
    var found = false
    var offset = 0
    while byteCount - offset >= 16 {
      let header = control + UInt64(offset)
      let length = Int(Memory.load(UInt64.self, at: header))
      guard length >= 16, length <= byteCount - offset else { break }
      let type = Memory.load(Int32.self, at: header + 12)
      if Memory.load(Int32.self, at: header + 8) == SocketOption.socketLevel,
        type == rights || type == process
      {
        for index in 0..<(length - 16) / 4 {
          closeDescriptor(Memory.load(Int32.self, at: header + 16 + UInt64(index * 4)))
        }
        if type == rights { found = true }
      }
      offset += (length + 7) & ~7
    }
    return found
  }
}
