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

  /// Sends without waiting; what the other side has no room for is not sent.
  static func send(_ message: Message, on channel: Int32) {
    var status = message.status
    try? withAddress(of: &status) { (address) throws(Errno) in
      try DescriptorPassing.send(
        channel, from: address, byteCount: 4, first: message.first, second: message.second,
        waits: false)
    }
  }

  /// Takes the next message, if there is one.
  static func receive(on channel: Int32) -> Message? {
    var status: Int32 = 0
    let received = try? withAddress(of: &status) { (address) throws(Errno) in
      try DescriptorPassing.receive(channel, to: address, capacity: 4, waits: false)
    }
    guard let received, received.byteCount == 4 else { return nil }
    return Message(status: status, first: received.first, second: received.second)
  }
}
