internal import CImage
internal import Kernel
internal import KernelABI

/// Where the pages are to be written down that the program touches until its first answer.
struct Training: BitwiseCopyable {
  /// -1: nowhere.
  let descriptor: Int32

  /// It was done.
  var isOver: Bool

  init(descriptor: Int32) {
    self.descriptor = descriptor
    isOver = descriptor < 0
  }

  /// Whether a call at its beginning tells somebody something: on a standard stream or a socket, or
  /// by the program's end.
  func isAnswer(_ call: TracedCall, of program: Int32) -> Bool {
    guard !isOver, call.isNative else { return false }
    switch call.number {
    // write, writev, sendfile.
    case 1, 20, 40: return Self.isHeard(Int32(truncatingIfNeeded: call[0]), of: program)
    // sendto, sendmsg, sendmmsg, exit_group.
    case 44, 46, 307, 231: return true
    default: return false
    }
  }

  private static func isHeard(_ number: Int32, of program: Int32) -> Bool {
    if number == 1 || number == 2 { return true }
    guard let process = try? Events.openProcess(program) else { return false }
    defer { closeDescriptor(process) }
    guard let copy = try? Events.descriptor(number, of: process) else { return false }
    defer { closeDescriptor(copy) }
    return (try? FileStatus(of: copy))?.kind == .socket
  }
}

extension Tracer {
  /// Lists the pages that the program has by now, once.
  ///
  /// What can't be seen or written is left out: a list is for speed alone.
  mutating func writeDown() {
    guard !training.isOver else { return }
    training.isOver = true
    let work = plan.work
    for index in 0..<work.image.regions.count
    where plan.layout.isLazy[index] == 1 || work.isMapped[index] == 1 {
      do throws(MappedFailure<Errno>) {
        try memory.forEachPresent(in: work.image.regions[index].range) { (run) throws(Errno) in
          try note(run)
        }
      } catch {}
    }
  }

  private func note(_ run: PageRun) throws(Errno) {
    // Pages that the program wrote are its own, neither the file's nor the one of zeros.
    let isWritten = run.categories & (PageScan.file | PageScan.zeroPage) == 0
    var start = run.start
    while start < run.end {
      let count = min((run.end - start) / pageByteCount, 1 << 30)
      let record = ckpt_page_run(
        start: start, pages: UInt32(count), flags: isWritten ? CKPT_PAGE_RUN_WRITTEN : 0)
      try Files.write(training.descriptor, record)
      start += count * pageByteCount
    }
  }
}
