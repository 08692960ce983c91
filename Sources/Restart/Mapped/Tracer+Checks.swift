internal import CImage
internal import Kernel
internal import KernelABI

extension Tracer {
  private var image: LoadedImage { plan.work.image }

  /// Checks what the program may have seen, before it ends by what it made of it.
  func checkTouched() throws(RestartFailure) {
    for number in 0..<plan.regions.count {
      let region = plan.regions[number]
      do throws(MappedFailure<RestartFailure>) {
        try memory.forEachPresent(in: region.place) { (run) throws(RestartFailure) in
          try check(run.range, region)
        }
      } catch {
        switch error {
        case .scan(let errno):
          throw RestartFailure(
            .failed, "the program had to be ended: cannot see what it has touched", errno: errno)
        case .body(let failure): throw failure
        }
      }
    }
  }

  /// Checks the bytes that the image has of a range.
  private func check(_ range: AddressRange, _ region: MappedRegion) throws(RestartFailure) {
    let spans = image.spans
    var index = spans.firstIndex(endingBehind: range.start)
    while index < spans.count, spans[index].address < range.end {
      let span = spans[index]
      index += 1
      guard let common = span.range.common(range) else { continue }
      var offset = common.start - span.address
      let end = common.end - span.address
      while offset < end {
        let count = min(end - offset, HugePages.size)
        try reader.read(
          span.part(
            from: offset, count, to: plan.work.stage(FillWorker.limit - 1),
            region: region.place.start.rawValue))
        offset += count
      }
    }
  }

  /// Throws when a file has become too short for what the program sees in it.
  func checkSizes() throws(RestartFailure) {
    for number in 0..<plan.regions.count {
      for index in image.spans(of: plan.regions[number].index) {
        let span = image.spans[index]
        let source = image.sources[Int(span.source)]
        guard let status = try? FileStatus(of: source.descriptor),
          status.byteCount < source.start + span.fileOffset + span.byteCount
        else { continue }
        throw reader.damage(
          span.source, image.regions[Int(span.region)].start, why: "the file ends too early")
      }
    }
  }
}
