internal import CKernel
internal import Kernel
internal import KernelABI

/// What the pager of a lazy restart passes to the supervisor: descriptors to hold, so that memory
/// which is missing stays missing whoever is killed, and at last the reason for a bad end.
enum LazyChannel {
  /// A message: a number, and up to two descriptors.
  struct Message: BitwiseCopyable {
    var status: Int32 = 0
    var first: Int32 = -1
    var second: Int32 = -1
  }

  /// struct cmsghdr and two descriptors, source: cmsg(3), unix(7).
  private struct Control: BitwiseCopyable {
    var byteCount: UInt64 = 24
    var level: Int32 = 1  // SOL_SOCKET
    var type: Int32 = 1  // SCM_RIGHTS
    var first: Int32 = -1
    var second: Int32 = -1
  }

  /// Sends without waiting; what the other side has no room for is not sent.
  static func send(_ message: Message, on channel: Int32) {
    var status = message.status
    var control = Control()
    control.first = message.first
    control.second = message.second
    if message.second < 0 { control.byteCount = 20 }
    _ = try? exchange(
      SyscallNumber.sendmsg, channel, &status, &control,
      message.first < 0 ? 0 : message.second < 0 ? 20 : 24, flags: 0x4040)
  }

  /// Takes the next message, if there is one.
  static func receive(on channel: Int32) -> Message? {
    var status: Int32 = 0
    var control = Control()
    control.byteCount = 0
    guard
      let count = try? exchange(
        SyscallNumber.recvmsg, channel, &status, &control, 24, flags: 0x4000_0040), count == 4
    else { return nil }
    var message = Message(status: status)
    if control.byteCount >= 20 { message.first = control.first }
    if control.byteCount >= 24 { message.second = control.second }
    return message
  }

  /// MSG_DONTWAIT, with MSG_NOSIGNAL or MSG_CMSG_CLOEXEC.
  private static func exchange(
    _ call: Int, _ channel: Int32, _ status: inout Int32, _ control: inout Control,
    _ controlByteCount: UInt64, flags: Int
  ) throws(Errno) -> Int {
    var vector = ckernel_iovec(base: 0, byte_count: 4)
    var header = ckernel_msghdr()
    header.iov_count = 1
    header.control_bytes = controlByteCount
    return try withAddress(of: &status) { (place) throws(Errno) in
      vector.base = place.rawValue
      return try withAddress(of: &control) { (place) throws(Errno) in
        if controlByteCount > 0 { header.control = place.rawValue }
        return try withAddress(of: &vector) { (vector) throws(Errno) in
          header.iov = vector.rawValue
          return try withAddress(of: &header) { (header) throws(Errno) in
            try systemCall(call, Int(channel), header.argument, flags)
          }
        }
      }
    }
  }
}
