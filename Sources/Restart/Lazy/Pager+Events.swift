internal import Kernel
internal import KernelABI

extension Pager {
  /// struct uffd_msg: 32 bytes, the kind in the first, what it is about from the ninth on.
  ///
  /// Source: `include/uapi/linux/userfaultfd.h`.
  private enum Kind {
    static let fault: UInt64 = 0x12
    static let fork: UInt64 = 0x13
    static let moved: UInt64 = 0x14
    static let dropped: UInt64 = 0x15
    static let unmapped: UInt64 = 0x16
  }

  /// Takes in all that one process has done; threads that wait for pages are noted.
  mutating func hear(_ index: Int) throws(RestartFailure) {
    var message = InlineArray<4, UInt64>(repeating: 0)
    let descriptor = spaces[index].descriptor
    while faults.count < faults.capacity, spaces[index].isOpen {
      guard (try? Files.read(descriptor, into: &message)) == 32 else { return }
      do throws(Errno) {
        try take(message, from: index)
      } catch {
        throw RestartFailure(
          .failed, "the program had to be ended: its memory, not yet there, is in too many parts",
          errno: error)
      }
    }
  }

  private mutating func take(
    _ message: InlineArray<4, UInt64>, from index: Int
  ) throws(Errno) {
    let (first, second, third) = (message[1], message[2], message[3])
    switch message[0] & 0xFF {
    case Kind.fault:
      try faults.append(LazyFault(space: index, page: Address(second).roundedDownToPage))
    case Kind.fork:
      try addChild(of: index, Int32(truncatingIfNeeded: first & 0xFFFF_FFFF))
    case Kind.moved:
      guard let range = AddressRange(start: Address(first), byteCount: third) else { return }
      try change(index) { (space) throws(Errno) in
        try space.spans.move(range, to: Address(second))
        if let place = AddressRange(start: Address(second), byteCount: third) {
          try space.ranges.append(place)
        }
      }
      spaces[index].fault.wake(range)
    case Kind.dropped, Kind.unmapped:
      guard let range = AddressRange(start: first, end: second) else { return }
      try change(index) { (space) throws(Errno) in try space.spans.remove(range) }
      spaces[index].fault.wake(range)
    default: break
    }
  }

  private func change(
    _ index: Int, _ body: (inout LazySpace) throws(Errno) -> Void
  ) throws(Errno) {
    var space = spaces[index]
    try body(&space)
    spaces[index] = space
  }

  /// From now on there is one more process that lacks what its parent lacks.
  private mutating func addChild(of parent: Int, _ descriptor: Int32) throws(Errno) {
    LazyChannel.send(LazyChannel.Message(first: descriptor), on: helper.channel)
    let space = try LazySpace(
      childOf: spaces[parent], descriptor: descriptor, near: plan.work.range.end + (64 << 20))
    if spaces.count == spaces.capacity { dropDead() }
    for index in 1..<max(1, spaces.count) where !spaces[index].isOpen {
      spaces[index] = space
      return
    }
    try spaces.append(space)
  }
}
