internal import Kernel
internal import KernelABI

/// Memory for copies of what was written, kept from one incremental checkpoint to the next.
///
/// New memory is dear, above all where a host has to give it first: 40 MiB took 6 to 145 ms on one
/// virtual machine, and the program stands still meanwhile. So what a checkpoint needed remains, as
/// long as it is little against the program. No child of the program has it, and no image.
enum CopyBuffer {
  /// What is remembered of it, in the agent's state.
  struct Memo: BitwiseCopyable {
    var start: UInt64 = 0
    var byteCount: UInt64 = 0

    /// The process that has it.
    var process: Int32 = 0
  }

  /// More than this part of the program's memory is not kept.
  private static let part: UInt64 = 64

  /// Where it lies, empty: there is none.
  static var range: AddressRange {
    let memo = Agent.state.copyBuffer
    guard memo.process == Process.ownID else { return .empty }
    return AddressRange(start: Address(memo.start), byteCount: memo.byteCount) ?? .empty
  }

  /// Room for so many bytes, for the leader.
  ///
  /// - Parameter resident: bytes of memory that the program has.
  /// - Returns: empty when that is too much to be kept.
  static func take(_ byteCount: UInt64, resident: UInt64) -> AddressRange {
    if range.byteCount >= byteCount { return range }
    release()
    let huge: UInt64 = 2 << 20
    let limit = resident / part
    // Next time it may be a little more.
    let size = (min(byteCount + byteCount / 4, limit) + huge - 1) & ~(huge - 1)
    guard byteCount <= limit,
      let start = try? Mapping.map(
        byteCount: size, .read | .write, .private | .anonymous | .noReserve),
      let room = AddressRange(start: start, byteCount: size)
    else { return .empty }
    _ = try? Mapping.advise(room, Advice.hugePage)
    Agent.state.copyBuffer = Memo(
      start: start.rawValue, byteCount: size, process: Process.ownID)
    return room
  }

  /// Gives it back.
  static func release() {
    _ = try? Mapping.unmap(range)
    Agent.state.copyBuffer = Memo()
  }
}
