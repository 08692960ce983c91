internal import CKernel
public import KernelABI

/// Writes that go on while their thread does something else.
///
/// Source: io_setup(2) and its family; `fs/aio.c`.
public struct WriteQueue: BitwiseCopyable {
  private let context: UInt64

  /// Source: io_setup(2).
  public init(capacity: Int) throws(Errno) {
    var context: UInt64 = 0
    try withAddress(of: &context) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioSetup, capacity, address.argument)
    }
    self.context = context
  }

  /// Waits until nothing is under way any more and ends the queue.
  ///
  /// Source: io_destroy(2).
  public func end() { _ = rawSystemCall(SyscallNumber.ioDestroy, Int(bitPattern: UInt(context))) }

  /// Starts a write; the file's flags of this moment count.
  ///
  /// - Parameter data: comes back from `next`.
  ///
  /// Source: io_submit(2), IOCB_CMD_PWRITE.
  public func start(
    _ descriptor: Int32, from buffer: Address, byteCount: UInt64,
    at offset: UInt64, data: UInt64
  ) throws(Errno) {
    var block = ckernel_iocb()
    block.data = data
    block.opcode = 1
    block.descriptor = UInt32(bitPattern: descriptor)
    block.buffer = buffer.rawValue
    block.byte_count = byteCount
    block.offset = offset
    let context = Int(bitPattern: UInt(context))
    // The kernel copies the request and its address.
    try withAddress(of: &block) { (request) throws(Errno) in
      var list = request.rawValue
      try withAddress(of: &list) { (address) throws(Errno) in
        try systemCall(SyscallNumber.ioSubmit, context, 1, address.argument)
      }
    }
  }

  /// Waits for one.
  ///
  /// - Returns: its `data`, and bytes written or a negative errno.
  ///
  /// Source: io_getevents(2).
  public func next() throws(Errno) -> (data: UInt64, result: Int64) {
    var event = ckernel_io_event()
    let context = Int(bitPattern: UInt(context))
    try withAddress(of: &event) { (address) throws(Errno) in
      try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.ioGetevents, context, 1, 1, address.argument, 0)
      }
    }
    return (event.data, event.result)
  }
}
