internal import CKernel
internal import Kernel
internal import KernelABI

/// What becomes of the time-outs of calls that are made again.
extension InterruptedCalls {
  /// Marks a time-out in milliseconds as one of a call that was made again: the kernel takes an
  /// `int`, and doesn't look at the register's upper half; no program puts this there.
  private static let mark: UInt64 = 0xC4B7_57C9

  /// Takes from the call's time-out what it has waited already.
  ///
  /// Never more: an unknown time counts as none, and where the code may use the register again
  /// the time starts over. What comes out is marked, so that the same call is known again.
  ///
  /// - Parameter seen: nanoseconds that the thread was seen waiting, 0: not known.
  /// - Returns: nanoseconds that it has waited, as far as known.
  static func shorten(
    _ number: Int64, seen: UInt64, thread: Int32, inStop: Bool,
    _ context: inout ckernel_sigcontext
  ) -> UInt64 {
    let before = context
    guard let timeout = BlockingCall.timeout(of: number, { before.argument($0) }),
      !loops(before.rip)
    else { return seen }
    let known = isMarked(timeout, before) ? RemadeCalls.waited(thread) : 0
    let waited = max(seen, known)
    // Those that were seen will be seen again.
    let isWatched =
      inStop && seen == 0 ? RemadeCalls.watch(thread) : RemadeCalls.isWatched(thread)
    switch timeout {
    case .milliseconds(let index):
      let left = Int64(Int32(truncatingIfNeeded: before.argument(index)))
      let rest = UInt64(max(0, left - Int64(waited / 1_000_000)))
      context.setArgument(index, isWatched ? mark << 32 | rest : rest)
    case .sleep(let index, let remainder) where before.argument(remainder) != 0:
      context.setArgument(index, before.argument(remainder))
    case .sleep(let index, let remainder):
      // From now on the kernel writes down what is left.
      if let place = shorten(pointer: index, by: waited, inStop, &context) {
        context.setArgument(remainder, place.rawValue)
      }
    case .timespec(let index):
      guard waited > 0 || isWatched else { break }
      _ = shorten(pointer: index, by: waited, inStop, &context)
    }
    return waited
  }

  // MARK: Time-outs of sockets

  /// Whether a call has waited for as long as its socket's time-out says: then it ends, a little late,
  /// as it would have ended by itself.
  ///
  /// No argument holds that time, so nothing can be shortened: the kernel counts from the start again.
  /// A call that goes on is marked in the upper half of the socket's number.
  ///
  /// Source: socket(7), SO_RCVTIMEO and SO_SNDTIMEO: EAGAIN.
  static func isOver(
    _ number: Int64, seen: UInt64, thread: Int32, inStop: Bool,
    _ context: inout ckernel_sigcontext
  ) -> Bool {
    guard let kind = BlockingCall.socketTimeout(of: number), !loops(context.rip) else {
      return false
    }
    let isMarked = context.rdi >> 32 == mark
    let socket = Int32(truncatingIfNeeded: context.rdi)
    guard let timeout = timeout(kind, of: socket), timeout > 0 else { return false }
    let latest = max(seen, isMarked ? RemadeCalls.waited(thread) : 0)
    let waited = latest + (isMarked ? RemadeCalls.earlier(thread) : 0)
    guard waited < timeout else { return true }
    let isWatched = inStop ? RemadeCalls.watch(thread) : RemadeCalls.isWatched(thread)
    if isWatched {
      RemadeCalls.note(earlier: waited, of: thread)
      context.rdi = mark << 32 | UInt64(UInt32(bitPattern: socket))
    }
    return false
  }

  /// Nanoseconds, 0: it waits for ever.
  private static func timeout(
    _ kind: BlockingCall.SocketTimeout, of socket: Int32
  ) -> UInt64? {
    // struct timeval
    var time = InlineArray<2, Int64>(repeating: 0)
    let isThere = try? Sockets.option(
      socket, kind == .receiving ? .receiveTimeout : .sendTimeout, into: &time)
    return isThere == nil ? nil : nanoseconds(time[0], time[1] * 1000)
  }

  // MARK: Marks

  /// Whether the time-out is what an earlier call of this function made of it.
  private static func isMarked(
    _ timeout: BlockingCall.Timeout, _ context: ckernel_sigcontext
  ) -> Bool {
    switch timeout {
    case .milliseconds(let index): context.argument(index) >> 32 == mark
    case .timespec(let index), .sleep(let index, _):
      TimeoutSlots.index(of: context.argument(index)) != nil
    }
  }

  /// Points an argument to a slot with what is left of the time it points to now.
  ///
  /// - Returns: the slot, `nil` when there is none to have.
  private static func shorten(
    pointer index: Int, by waited: UInt64, _ inStop: Bool, _ context: inout ckernel_sigcontext
  ) -> Address? {
    let pointer = context.argument(index)
    guard inStop || TimeoutSlots.index(of: pointer) != nil,
      let time = peek(ckernel_timespec(), at: pointer), time.seconds >= 0,
      time.seconds < 1 << 33
    else { return nil }
    let full = nanoseconds(time.seconds, time.nanoseconds)
    let rest = full > waited ? full - waited : 0
    guard let place = TimeoutSlots.place(timespec(rest), current: pointer) else { return nil }
    context.setArgument(index, place.rawValue)
    return place
  }
}
