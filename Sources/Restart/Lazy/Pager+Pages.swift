internal import CImage
internal import Kernel
internal import KernelABI

extension Pager {
  /// Gives all who wait what they wait for.
  mutating func serve() throws(RestartFailure) {
    var index = 0
    while index < faults.count {
      let fault = faults[index]
      if spaces[fault.space].isOpen {
        switch try serve(fault) {
        case .done: break
        case .gone: drop(fault.space)
        case .again:
          Scheduling.yield()
          try hear(fault.space)
          continue
        }
      }
      index += 1
    }
    faults.removeAll()
  }

  private mutating func serve(_ fault: LazyFault) throws(RestartFailure) -> Outcome {
    if fault.space == 0, layout.whole.contains(fault.page) {
      isHurried = true
      return .done
    }
    let space = spaces[fault.space]
    if let span = space.spans.span(at: fault.page) {
      return try bring(span.around(fault.page), to: fault.space)
    }
    guard let page = AddressRange(start: fault.page, byteCount: pageByteCount) else {
      return .done
    }
    return try give(page) { (rest) throws(Errno) in
      try space.fault.zero(rest)
    } wake: {
      space.fault.wake(page)
    }
  }

  /// Brings the next part of what a process lacks.
  mutating func bringNext(_ index: Int) throws(RestartFailure) {
    var space = spaces[index]
    guard let span = space.spans.next() else { return }
    switch try bring(span.around(span.address), to: index) {
    case .done: break
    case .gone: drop(index)
    case .again:
      Scheduling.yield()
      try hear(index)
    }
  }

  /// Reads a part from the image and puts it where it belongs.
  ///
  /// - Parameter part: lies in one huge page.
  private mutating func bring(_ part: Span, to index: Int) throws(RestartFailure) -> Outcome {
    let stage = plan.work.stage(FillWorker.limit - 1)
    try reader.read(
      part.part(
        from: 0, part.byteCount, to: stage,
        region: plan.work.image.regions[Int(part.region)].start))
    var space = spaces[index]
    let fault = space.fault
    var done: UInt64 = 0
    if index == 0, plan.movesHugePages, part.byteCount == HugePages.size {
      do throws(Errno) {
        done = try fault.move(from: stage, to: part.range)
      } catch {
        if error == .tryAgain { return .again }
        // The program's mapping is not such that memory can be moved there: copies can.
      }
    }
    let outcome = try give(part.range.dropping(done)) { (rest) throws(Errno) in
      try fault.copy(from: stage + (rest.start - part.address), to: rest)
    } wake: {
      fault.wake(part.range)
    }
    guard case .done = outcome else { return outcome }
    do throws(Errno) { try space.spans.remove(part.range) } catch {
      throw RestartFailure(
        .failed, "the program had to be ended: its memory, not yet there, is in too many parts",
        errno: error)
    }
    spaces[index] = space
    return .done
  }

  /// How often it may look as if a page belonged nowhere: the program may be moving it.
  private static var patience: Int { 16 }

  /// Gives every page of a range that is missing.
  ///
  /// - Parameter body: gives the pages from a start on; returns how many bytes.
  private func give(
    _ range: AddressRange, _ body: (AddressRange) throws(Errno) -> UInt64, wake: () -> Void
  ) throws(RestartFailure) -> Outcome {
    var rest = range
    var limit = range.byteCount
    var lost = 0
    while !rest.isEmpty {
      let part = AddressRange(start: rest.start, byteCount: min(limit, rest.byteCount)) ?? .empty
      do throws(Errno) {
        rest = rest.dropping(try body(part))
        limit = range.byteCount
        lost = 0
      } catch {
        switch error {
        // There already.
        case .exists: rest = rest.dropping(pageByteCount)
        case .tryAgain: return .again
        case .noSuchProcess: return .gone
        // It is not in one mapping, or nothing is mapped there, or something new.
        case .noSuchFile, .invalid:
          if part.byteCount > pageByteCount {
            limit = roundedUpToPage(part.byteCount / 2)
            continue
          }
          lost += 1
          if lost < Self.patience { continue }
          lost = 0
          rest = rest.dropping(pageByteCount)
        default:
          throw RestartFailure(
            .failed, "the program had to be ended: cannot give it the memory that it misses, at",
            errno: error, number: rest.start.rawValue, numberStyle: .hexadecimal)
        }
      }
    }
    wake()
    return .done
  }
}
