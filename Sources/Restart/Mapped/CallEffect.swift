internal import Kernel
internal import KernelABI

/// What a system call of the program means for memory that shows the image.
///
/// A private mapping of a file is not what the program thinks it has: dropped pages come back from
/// the file, and much else is refused or told otherwise. Before a call can find out, either the
/// memory is made what it should be, or the call waits until all of it is.
///
/// Pure.
enum CallEffect: Equatable, BitwiseCopyable {
  case none
  /// The range has to be empty anonymous memory first, and is so in the end.
  case drops(AddressRange)
  /// When it succeeds, the range is the program's own affair.
  case takes(AddressRange)
  /// It waits until no memory shows the image any more.
  case waits
  /// The program ends: what it has seen of the image must be right.
  case ends

  /// - Parameters:
  ///   - isMain: the caller is the main thread.
  ///   - flags: of clone3(2), as the program wrote them.
  ///   - isMapped: whether a part of a range may show the image.
  init(
    of call: TracedCall, isMain: Bool, flags: UInt64, _ isMapped: (AddressRange) -> Bool
  ) {
    // Of other conventions the numbers are others too.
    guard call.isNative, call.number & 0x4000_0000 == 0 else {
      self = .waits
      return
    }
    switch call.number {
    case 9: self = Self.map(call, isMapped)
    case 11: self = Self.unmap(call, isMapped)
    case 12: self = Self.moveBreak(call, isMapped)
    case 28: self = Self.advise(call, isMapped)
    // mprotect, mincore, mlock, munlock, mbind, mlock2, pkey_mprotect, set_mempolicy_home_node, mseal
    case 10, 27, 149, 150, 237, 325, 329, 450, 462:
      self = Self.touches(call[0], call[1], isMapped) ? .waits : .none
    case 25: self = Self.remap(call, isMapped)
    // shmat over what is there.
    case 30: self = call[2] & 0x4000 != 0 ? .waits : .none
    case 56: self = Self.isThread(call[0]) ? .none : .waits
    case 435: self = Self.isThread(flags) ? .none : .waits
    case 60: self = isMain ? .waits : .none
    case 231: self = .ends
    // PR_SET_MM, PR_SET_VMA.
    case 157: self = call[0] == 35 || call[0] == 0x5356_4d41 ? .waits : .none
    default: self = Self.alwaysWait(call.number) ? .waits : .none
    }
  }

  /// Calls that concern all memory, that no tracer may be near, or after which the kernel goes on
  /// to write by itself.
  private static func alwaysWait(_ number: Int) -> Bool {
    switch number {
    // fork, vfork, execve, ptrace, mlockall, io_setup, io_submit, remap_file_pages
    case 57, 58, 59, 101, 151, 206, 209, 216: true
    // execveat, userfaultfd, io_uring_setup, io_uring_enter, io_uring_register, process_madvise
    case 322, 323, 425, 426, 427, 440: true
    default: false
    }
  }

  /// CLONE_THREAD.
  private static func isThread(_ flags: UInt64) -> Bool { flags & 0x1_0000 != 0 }

  /// Whole pages; `nil`: there is no such range.
  private static func range(_ start: UInt64, _ byteCount: UInt64) -> AddressRange? {
    let first = start & ~(pageByteCount - 1)
    let (end, isTooFar) = start.addingReportingOverflow(byteCount)
    guard !isTooFar, end <= FreeSpace.end.rawValue else { return nil }
    return AddressRange(start: first, end: roundedUpToPage(end))
  }

  private static func touches(
    _ start: UInt64, _ byteCount: UInt64, _ isMapped: (AddressRange) -> Bool
  ) -> Bool {
    guard let range = range(start, byteCount) else { return false }
    return isMapped(range)
  }

  /// MAP_FIXED takes what was there, MAP_FIXED_NOREPLACE does not.
  private static func map(_ call: TracedCall, _ isMapped: (AddressRange) -> Bool) -> CallEffect {
    guard call[3] & 0x10 != 0, call[3] & 0x10_0000 == 0,
      let range = range(call[0], call[1]), isMapped(range)
    else { return .none }
    return .takes(range)
  }

  private static func unmap(_ call: TracedCall, _ isMapped: (AddressRange) -> Bool) -> CallEffect {
    guard let range = range(call[0], call[1]), isMapped(range) else { return .none }
    return .takes(range)
  }

  /// No heap is larger than this, in bytes; other memory lies farther away.
  private static let heapLimit: UInt64 = 1 << 40

  /// To below memory that may be the heap's: then that goes.
  ///
  /// 0 only asks.
  private static func moveBreak(
    _ call: TracedCall, _ isMapped: (AddressRange) -> Bool
  ) -> CallEffect {
    call[0] != 0 && touches(call[0], heapLimit, isMapped) ? .waits : .none
  }

  /// Old and new place.
  private static func remap(_ call: TracedCall, _ isMapped: (AddressRange) -> Bool) -> CallEffect {
    let takes = call[3] & 2 != 0 && touches(call[4], call[2], isMapped)
    return takes || touches(call[0], max(call[1], 1), isMapped) ? .waits : .none
  }

  private static func advise(_ call: TracedCall, _ isMapped: (AddressRange) -> Bool) -> CallEffect {
    guard let range = range(call[0], call[1]), isMapped(range) else { return .none }
    switch call[2] {
    // MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ and _WRITE.
    case 3, 20, 21, 22, 23: return .none
    // MADV_DONTNEED, MADV_FREE; a start within a page is refused.
    case 4, 8: return call[0] == range.start.rawValue ? .drops(range) : .none
    default: return .waits
    }
  }
}
