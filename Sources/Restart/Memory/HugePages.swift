internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// Fills memory with huge pages where the program didn't ask for them, without leaving a trace.
///
/// Reading into fresh memory costs five times as much with small pages. MADV_HUGEPAGE would stay on
/// the region (nothing takes it back), so data is read into huge pages elsewhere, which are then
/// moved to where they belong (UFFDIO_MOVE, Linux 6.8).
struct HugePages: BitwiseCopyable {
  /// A userfaultfd(2) descriptor, -1: ordinary reads are as good, or all there is.
  private let descriptor: Int32
  private let stage: Address

  /// Source: `include/uapi/linux/userfaultfd.h`.
  private enum Call {
    static let api = 0xc018_aa3f
    static let register = 0xc020_aa00
    static let unregister = 0x8010_aa01
    static let move = 0xc028_aa05
    static let moveFeature: UInt64 = 1 << 16
  }

  private struct Move: BitwiseCopyable {
    var destination, source, byteCount, mode: UInt64
    var moved: Int64
  }

  private static let size = Workspace.hugePageByteCount

  init(for work: Workspace) {
    stage = work.stage
    guard work.image.process.flags & CKPT_PROCESS_THP_DISABLED == 0, Self.areOnRequest,
      let range = AddressRange(start: work.stage, byteCount: Self.size),
      let descriptor = try? Self.open()
    else {
      descriptor = -1
      return
    }
    try? Mapping.advise(range, Advice.hugePage)
    self.descriptor = descriptor
  }

  /// Whether the kernel gives huge pages to those who ask: `always [madvise] never`.
  ///
  /// Where it is `always`, plain reads get them.
  private static var areOnRequest: Bool {
    var text = InlineArray<8, UInt64>(repeating: 0)
    let found = try? withAddress(of: &text) { (address) throws(Errno) -> Bool in
      let file = try FileDescriptor("/sys/kernel/mm/transparent_hugepage/enabled", .readOnly)
      let count = try file.readToEnd(to: address, capacity: 64)
      var cursor = TextCursor(Memory.bytes(at: address, count: Int(count)))
      while !cursor.isAtEnd {
        if cursor.take("[madvise]") { return true }
        cursor.skip()
      }
      return false
    }
    return found ?? false
  }

  private static func open() throws(Errno) -> Int32 {
    // O_CLOEXEC | UFFD_USER_MODE_ONLY: any user may have that.
    let number = Int32(
      truncatingIfNeeded: try systemCall(SyscallNumber.userfaultfd, 0o2000000 | 1))
    var arguments = (UInt64(0xaa), Call.moveFeature, UInt64(0))
    do throws(Errno) {
      try withAddress(of: &arguments) { (address) throws(Errno) in
        try systemCall(SyscallNumber.ioctl, Int(number), Call.api, address.argument)
      }
      return number
    } catch {
      closeDescriptor(number)
      throw error
    }
  }

  func close() { if descriptor >= 0 { closeDescriptor(descriptor) } }

  /// The part of a run that is worth moving, in whole huge pages; `nil`: none.
  func movable(_ run: ckpt_run, in region: ckpt_region) -> AddressRange? {
    let ownWish = CKPT_REGION_HUGE_PAGES | CKPT_REGION_NO_HUGE_PAGES
    guard descriptor >= 0, region.kind == CKPT_REGION_ANONYMOUS,
      !region.has(CKPT_REGION_HUGE_TLB | CKPT_REGION_GROWS_DOWN | ownWish)
    else { return nil }
    let start = (run.address + Self.size - 1) & ~(Self.size - 1)
    let end = (run.address + run.byte_count) & ~(Self.size - 1)
    guard start < end else { return nil }
    return AddressRange(start: start, end: end)
  }

  /// Reads `range` from the image, one huge page at a time, and tells `didFill` after each how far
  /// the range is filled.
  ///
  /// - Returns: where it ends; before the end of the range when the kernel doesn't play along.
  func fill(
    _ range: AddressRange, from reader: DataReader, at offset: UInt64, region: UInt64,
    _ didFill: (Address) throws(RestartFailure) -> Void
  ) throws(RestartFailure) -> Address {
    guard (try? register(range)) != nil else { return range.start }
    defer { unregister(range) }
    var position = range.start
    while position < range.end {
      try reader.read(
        to: stage, byteCount: Self.size, at: offset + (position - range.start), region: region)
      guard move(to: position) else { break }
      position = position + Self.size
      try didFill(position)
    }
    return position
  }

  /// The region must not be taken apart: a range that is registered is a mapping of its own until
  /// it is unregistered.
  private func register(_ range: AddressRange) throws(Errno) {
    var arguments = (range.start.rawValue, range.byteCount, UInt64(1), UInt64(0))
    try withAddress(of: &arguments) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(descriptor), Call.register, address.argument)
    }
  }

  private func unregister(_ range: AddressRange) {
    var arguments = (range.start.rawValue, range.byteCount)
    _ = try? withAddress(of: &arguments) { (address) throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(descriptor), Call.unregister, address.argument)
    }
  }

  private func move(to destination: Address) -> Bool {
    var arguments = Move(
      destination: destination.rawValue, source: stage.rawValue, byteCount: Self.size, mode: 0,
      moved: 0)
    while true {
      do throws(Errno) {
        try withAddress(of: &arguments) { (address) throws(Errno) in
          try systemCall(SyscallNumber.ioctl, Int(descriptor), Call.move, address.argument)
        }
        return arguments.moved == Int64(Self.size)
      } catch {
        // EAGAIN with nothing moved: the kernel was looking at the page just then.
        guard error == .tryAgain, arguments.moved <= 0 else { return false }
      }
    }
  }
}
