/// System calls that wait, and how a signal ends the wait.
///
/// Source: signal(7), "Interruption of system calls and library functions by signal handlers";
/// measured on Linux 6.18 with 66 calls.
public enum BlockingCall {
  /// Where a call has a time-out that counts from its start and that the kernel does not update.
  public enum Timeout: Equatable, Sendable, BitwiseCopyable {
    /// Milliseconds in the argument itself; negative: for ever.
    case milliseconds(argument: Int)

    /// A timespec that the argument points to; 0: for ever.
    case timespec(argument: Int)

    /// As `timespec`; what is left was written to where `remainder` points, unless that is 0.
    case sleep(argument: Int, remainder: Int)
  }

  /// Calls that fail with EINTR after any handler, SA_RESTART or not; some of them only when a
  /// time-out was set.
  public static func endsInAnyHandler(_ number: Int64) -> Bool {
    switch number {
    case 7, 23, 34, 35, 65, 69, 70, 128, 130, 202, 208, 220, 230, 232, 270, 271, 281, 299, 333,
      426, 441, 449:
      // poll, select, pause, nanosleep, semop, msgsnd, msgrcv, rt_sigtimedwait, rt_sigsuspend,
      // futex, io_getevents, semtimedop, clock_nanosleep, epoll_wait, pselect6, ppoll,
      // epoll_pwait, recvmmsg, io_pgetevents, io_uring_enter, epoll_pwait2, futex_waitv
      true
    case 0, 1, 19, 20, 42, 43, 44, 45, 46, 47, 288, 307:
      // On sockets with SO_RCVTIMEO or SO_SNDTIMEO: read, write, readv, writev, connect, accept,
      // sendto, recvfrom, sendmsg, recvmsg, accept4, sendmmsg
      true
    default:
      false
    }
  }

  /// Calls that end with EINTR as soon as the thread is stopped, by SIGSTOP or ptrace(2), though no
  /// handler ran; of the others the kernel makes those again that it can.
  public static func endsWhenStopped(_ number: Int64) -> Bool {
    switch number {
    case 65, 128, 208, 220, 232, 281, 333, 426, 441:
      // semop, rt_sigtimedwait, io_getevents, semtimedop, epoll_wait, epoll_pwait, io_pgetevents,
      // io_uring_enter, epoll_pwait2
      true
    default:
      false
    }
  }

  /// Which time-out of a socket ends a call whose first argument is the socket.
  public enum SocketTimeout: Equatable, Sendable, BitwiseCopyable { case receiving, sending }

  /// - Returns: `nil` when the call has none.
  public static func socketTimeout(of number: Int64) -> SocketTimeout? {
    switch number {
    case 0, 19, 43, 45, 47, 288: .receiving  // read, readv, accept, recvfrom, recvmsg, accept4
    case 1, 20, 44, 46, 307: .sending  // write, writev, sendto, sendmsg, sendmmsg
    default: nil
    }
  }

  /// Calls that the kernel makes again after a handler with SA_RESTART, and ends with EINTR after
  /// one without.
  public static func restartsAfterHandler(_ number: Int64) -> Bool {
    switch number {
    case 0, 1, 16, 17, 18, 19, 20, 295, 296, 327, 328:  // read, write, ioctl and their kin
      true
    case 42, 43, 44, 45, 46, 47, 288, 299, 307:  // sockets
      true
    case 2, 257, 437, 61, 247, 72, 73, 202, 449, 242, 243, 275, 276, 278, 40:
      // open, openat, openat2, wait4, waitid, fcntl, flock, futex, futex_waitv, mq_timedsend,
      // mq_timedreceive, splice, tee, vmsplice, sendfile
      true
    default:
      false
    }
  }

  /// - Parameter argument: gives the arguments of the call, 0...5.
  /// - Returns: `nil` when the call has no such time-out, or waits for ever or until a fixed time.
  public static func timeout(of number: Int64, _ argument: (Int) -> UInt64) -> Timeout? {
    let timeout: Timeout
    switch number {
    case 7: timeout = .milliseconds(argument: 2)
    case 232, 281: timeout = .milliseconds(argument: 3)
    case 35: timeout = .sleep(argument: 0, remainder: 1)
    case 230:
      guard argument(1) & 1 == 0 else { return nil }  // TIMER_ABSTIME
      timeout = .sleep(argument: 2, remainder: 3)
    case 202:
      guard argument(1) & 0x7f == 0 else { return nil }  // all but FUTEX_WAIT are absolute
      timeout = .timespec(argument: 3)
    case 128: timeout = .timespec(argument: 2)
    case 220, 441: timeout = .timespec(argument: 3)
    case 208: timeout = .timespec(argument: 4)
    default: return nil
    }
    return isFinite(timeout, argument) ? timeout : nil
  }

  private static func isFinite(_ timeout: Timeout, _ argument: (Int) -> UInt64) -> Bool {
    switch timeout {
    case .milliseconds(let index): Int32(truncatingIfNeeded: argument(index)) > 0
    case .timespec(let index), .sleep(let index, _): argument(index) != 0
    }
  }
}
