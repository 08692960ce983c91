internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Fills memory with huge pages where the program didn't ask for them, without leaving a trace.
///
/// Reading into fresh memory costs five times as much with small pages. MADV_HUGEPAGE would stay on
/// the region (nothing takes it back), so data is read into huge pages elsewhere, which are then
/// moved to where they belong (UFFDIO_MOVE, Linux 6.8).
struct HugePages: BitwiseCopyable {
  /// -1: ordinary reads are as good, or all there is.
  private let descriptor: Int32

  static let size = RestoreArena.hugePageByteCount

  init(for work: RestoreArena) {
    guard work.image.process.flags & CKPT_PROCESS_THP_DISABLED == 0,
      Setting.here == .onRequest,
      let stages = AddressRange(
        start: work.stages, byteCount: Self.size * UInt64(FillWorker.limit)),
      let userfault = try? Userfault(
        flags: Userfault.userModeOnly, features: Userfault.Feature.move)
    else {
      descriptor = -1
      return
    }
    try? Mapping.advise(stages, Advice.hugePage)
    descriptor = userfault.descriptor
  }

  /// Who gets huge pages.
  ///
  /// Source: /sys/kernel/mm/transparent_hugepage/enabled, `always [madvise] never`.
  enum Setting {
    /// Everybody: plain reads get them.
    case always
    case onRequest
    case never

    static var here: Setting {
      var text = InlineArray<8, UInt64>(repeating: 0)
      let found = try? withAddress(of: &text) { (address) throws(Errno) -> Setting in
        let file = try FileDescriptor("/sys/kernel/mm/transparent_hugepage/enabled", .readOnly)
        let count = try file.readToEnd(to: address, capacity: 64)
        return Setting(Memory.bytes(at: address, count: Int(count)))
      }
      return found ?? .never
    }

    init(_ text: RawSpan) {
      var cursor = TextCursor(text)
      while !cursor.isAtEnd {
        if cursor.take("[madvise]") {
          self = .onRequest
          return
        }
        if cursor.take("[always]") {
          self = .always
          return
        }
        cursor.skip()
      }
      self = .never
    }
  }

  func close() { if descriptor >= 0 { closeDescriptor(descriptor) } }

  private var userfault: Userfault { Userfault(adopting: descriptor) }

  /// The part of a span that is worth moving, in whole huge pages; `nil`: none.
  func movable(_ span: Span, in region: ckpt_region) -> AddressRange? {
    let ownWish = CKPT_REGION_HUGE_PAGES | CKPT_REGION_NO_HUGE_PAGES
    guard descriptor >= 0, region.kind == CKPT_REGION_ANONYMOUS,
      !region.has(CKPT_REGION_HUGE_TLB | CKPT_REGION_GROWS_DOWN | ownWish)
    else { return nil }
    return span.wholeHugePages
  }

  /// Makes a range ready to be moved to.
  ///
  /// - Returns: whether it is; where not, it is read to as it is.
  ///
  /// Registration parts the range from the rest of its region for a while; `Userfault.register`
  /// says what it takes that they become one again.
  func prepare(_ range: AddressRange) -> Bool { (try? userfault.register(range)) != nil }

  /// Ends what `prepare` began: the range is a part of its region again.
  func finish(_ range: AddressRange) { try? userfault.unregister(range) }

  /// Brings a huge page that was filled at `stage` to its place, which was prepared.
  func bring(_ stage: Address, to place: AddressRange) throws(Errno) {
    var done: UInt64 = 0
    while done < place.byteCount {
      guard
        let rest = AddressRange(start: place.start + done, byteCount: place.byteCount - done)
      else { return }
      do throws(Errno) {
        done += try userfault.move(from: stage + done, to: rest)
      } catch {
        // EAGAIN: the kernel was looking at the page just then.
        if error == .tryAgain { continue }
        done += try userfault.copy(from: stage + done, to: rest)
      }
    }
  }
}

extension Span {
  /// The huge pages that it fills; `nil`: none.
  var wholeHugePages: AddressRange? {
    let start = (address.rawValue + HugePages.size - 1) & ~(HugePages.size - 1)
    let end = end.rawValue & ~(HugePages.size - 1)
    guard start < end else { return nil }
    return AddressRange(start: start, end: end)
  }
}
