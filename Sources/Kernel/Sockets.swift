internal import CKernel
public import KernelABI

/// An address as the kernel takes it: family first, then what the family makes of it.
///
/// Source: `include/uapi/linux/socket.h`; the longest is sockaddr_un(7) with 110 bytes.
public struct SocketAddress: BitwiseCopyable {
  public private(set) var byteCount: UInt32
  private var reserved: UInt32 = 0
  public var storage = InlineArray<14, UInt64>(repeating: 0)
  public static let capacity: UInt32 = 112

  public init() { byteCount = 0 }

  /// Takes over bytes from elsewhere; no more of them than there is room for.
  public init(byteCount: UInt32, _ storage: InlineArray<14, UInt64>) {
    self.byteCount = min(byteCount, Self.capacity)
    self.storage = storage
  }

  /// A Unix socket's name without a file: the family, a NUL, and the text of a line.
  ///
  /// Source: unix(7), abstract.
  public init(abstract name: Line) {
    byteCount = 0
    append(UInt8(Sockets.Family.unix))
    append(0)
    append(0)
    for index in 0..<name.count { append(name.byte(at: index)) }
  }

  private mutating func append(_ byte: UInt8) {
    guard byteCount < Self.capacity else { return }
    byteCount += 1
    setByte(byte, at: Int(byteCount) - 1)
  }

  public init(byteCount: UInt32) { self.byteCount = min(byteCount, Self.capacity) }

  /// One byte; 0 where there is none.
  public func byte(at index: Int) -> UInt8 {
    guard index >= 0, index < Int(byteCount) else { return 0 }
    return UInt8(truncatingIfNeeded: storage[index / 8] >> UInt64(index % 8 * 8))
  }

  public mutating func setByte(_ byte: UInt8, at index: Int) {
    let shift = UInt64(index % 8 * 8)
    storage[index / 8] = storage[index / 8] & ~(0xFF << shift) | UInt64(byte) << shift
  }

  public var family: Int32 { Int32(byte(at: 0)) | Int32(byte(at: 1)) << 8 }

  /// Of an internet address.
  public var port: UInt16 { UInt16(byte(at: 2)) << 8 | UInt16(byte(at: 3)) }
}

/// Socket calls on numbers that belong to someone else, or will.
public enum Sockets {
  public enum Family {
    public static let unix: Int32 = 1
    public static let inet: Int32 = 2
    public static let inet6: Int32 = 10
    public static let netlink: Int32 = 16
  }

  public enum Kind {
    public static let stream: Int32 = 1
    public static let datagram: Int32 = 2
    public static let raw: Int32 = 3
    public static let packets: Int32 = 5
  }

  /// Close-on-exec.
  ///
  /// Source: socket(2).
  public static func make(
    _ family: Int32, _ type: Int32, _ protocol: Int32, nonBlocking: Bool = false
  ) throws(Errno) -> Int32 {
    let flags = closeOnExec | (nonBlocking ? Int(OpenFlags.nonBlocking.rawValue) : 0)
    return Int32(
      truncatingIfNeeded: try systemCall(
        SyscallNumber.socket, Int(family), Int(type) | flags, Int(`protocol`)))
  }

  public struct Pair: BitwiseCopyable {
    public var first: Int32
    public var second: Int32

    public init(first: Int32, second: Int32) {
      self.first = first
      self.second = second
    }
  }

  /// Close-on-exec.
  ///
  /// Source: socketpair(2).
  public static func makePair(_ type: Int32) throws(Errno) -> Pair {
    var pair = Pair(first: -1, second: -1)
    try withAddress(of: &pair) { (address) throws(Errno) in
      try systemCall(
        SyscallNumber.socketpair, Int(Family.unix), Int(type) | closeOnExec, 0, address.argument)
    }
    return pair
  }

  /// Source: bind(2).
  public static func bind(_ number: Int32, to address: SocketAddress) throws(Errno) {
    try with(address) { (place, byteCount) throws(Errno) in
      try systemCall(SyscallNumber.bind, Int(number), place.argument, byteCount)
    }
  }

  /// Source: connect(2).
  public static func connect(_ number: Int32, to address: SocketAddress) throws(Errno) {
    try with(address) { (place, byteCount) throws(Errno) in
      try systemCall(SyscallNumber.connect, Int(number), place.argument, byteCount)
    }
  }

  /// Source: listen(2).
  public static func listen(_ number: Int32, backlog: UInt32) throws(Errno) {
    try systemCall(SyscallNumber.listen, Int(number), Int(Int32(truncatingIfNeeded: backlog)))
  }

  /// Close-on-exec.
  ///
  /// Source: accept(2).
  public static func accept(_ number: Int32) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.accept4, Int(number), 0, 0, closeOnExec)
      })
  }

  /// Source: shutdown(2); `how` is 0 for reading, 1 for writing.
  public static func shutDown(_ number: Int32, how: Int) throws(Errno) {
    try systemCall(SyscallNumber.shutdown, Int(number), how)
  }

  /// Source: getsockname(2).
  public static func localAddress(_ number: Int32) throws(Errno) -> SocketAddress {
    try address(number, SyscallNumber.getsockname)
  }

  /// Source: getpeername(2).
  public static func remoteAddress(_ number: Int32) throws(Errno) -> SocketAddress {
    try address(number, SyscallNumber.getpeername)
  }

  /// Reads an option into `value`.
  ///
  /// - Returns: its bytes.
  ///
  /// Source: getsockopt(2).
  public static func option<T: BitwiseCopyable>(
    _ number: Int32, _ option: SocketOption, into value: inout T
  ) throws(Errno) -> UInt32 {
    var byteCount = UInt32(MemoryLayout<T>.size)
    try withAddress(of: &value) { (place) throws(Errno) in
      try withAddress(of: &byteCount) { (size) throws(Errno) in
        try systemCall(
          SyscallNumber.getsockopt, Int(number), Int(option.level), Int(option.name),
          place.argument,
          size.argument)
      }
    }
    return byteCount
  }

  /// An option that is an int.
  public static func option(_ number: Int32, _ option: SocketOption) throws(Errno) -> Int32 {
    var value: Int32 = 0
    _ = try self.option(number, option, into: &value)
    return value
  }

  /// Source: setsockopt(2).
  public static func setOption<T: BitwiseCopyable>(
    _ number: Int32, _ option: SocketOption, _ value: T, byteCount: UInt32
  ) throws(Errno) {
    var value = value
    try withAddress(of: &value) { (place) throws(Errno) in
      try systemCall(
        SyscallNumber.setsockopt, Int(number), Int(option.level), Int(option.name), place.argument,
        Int(byteCount))
    }
  }

  public static func setOption(
    _ number: Int32, _ option: SocketOption, _ value: Int32
  ) throws(Errno) {
    try setOption(number, option, value, byteCount: 4)
  }

  /// Bytes that the other end of a stream has no room for.
  ///
  /// Source: unix(7), tcp(7), SIOCOUTQNSD.
  public static func unsentByteCount(_ number: Int32) throws(Errno) -> Int32 {
    var count: Int32 = 0
    try withAddress(of: &count) { (place) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(number), 0x894B, place.argument)
    }
    return count
  }

  /// Sends without waiting and without SIGPIPE.
  ///
  /// - Returns: bytes taken.
  ///
  /// Source: sendto(2), MSG_DONTWAIT | MSG_NOSIGNAL.
  public static func send(
    _ number: Int32, from address: Address, byteCount: UInt64
  ) throws(Errno) -> UInt64 {
    UInt64(
      try systemCall(
        SyscallNumber.sendto, Int(number), address.argument, Int(byteCount), noWait | noSignal))
  }

  /// What `peek` found.
  public struct Peeked: BitwiseCopyable {
    public var byteCount: Int
    public var hasDescriptors: Bool
  }

  /// Reads what comes next without taking it out or waiting.
  ///
  /// Descriptors in flight come as duplicates, which are closed at once.
  ///
  /// - Parameter control: 4,096 bytes for ancillary data.
  ///
  /// Source: recvmsg(2), MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC; cmsg(3).
  public static func peek(
    _ number: Int32, to address: Address, byteCount: Int, control: Address
  ) throws(Errno) -> Peeked {
    var vector = ckernel_iovec(base: address.rawValue, byte_count: UInt64(byteCount))
    var message = ckernel_msghdr()
    message.iov_count = 1
    message.control = control.rawValue
    message.control_bytes = 4096
    let count = try withAddress(of: &vector) { (vector) throws(Errno) in
      message.iov = vector.rawValue
      return try withAddress(of: &message) { (message) throws(Errno) in
        try systemCall(
          SyscallNumber.recvmsg, Int(number), message.argument,
          closeOnExecReceived | noWait | peeking)
      }
    }
    return Peeked(
      byteCount: count,
      hasDescriptors: ControlMessage.closeDescriptors(control, Int(message.control_bytes)))
  }

  /// Flags of send(2) and recv(2): MSG_DONTWAIT, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC, MSG_PEEK.
  static let noWait = 0x40
  static let noSignal = 0x4000
  static let closeOnExecReceived = 0x4000_0000
  private static let peeking = 2

  private static let closeOnExec = Int(OpenFlags.closeOnExec.rawValue)

  private static func with(
    _ address: SocketAddress, _ body: (Address, Int) throws(Errno) -> Int
  ) throws(Errno) {
    var bytes = address.storage
    _ = try withAddress(of: &bytes) { (place) throws(Errno) in
      try body(place, Int(address.byteCount))
    }
  }

  private static func address(_ number: Int32, _ call: Int) throws(Errno) -> SocketAddress {
    var bytes = InlineArray<14, UInt64>(repeating: 0)
    var byteCount = SocketAddress.capacity
    try withAddress(of: &bytes) { (place) throws(Errno) in
      try withAddress(of: &byteCount) { (size) throws(Errno) in
        try systemCall(call, Int(number), place.argument, size.argument)
      }
    }
    return SocketAddress(byteCount: byteCount, bytes)
  }
}
