internal import CImage

/// An image and all those that it needs, as one memory.
public struct ImageChain: Sendable {
  /// Newest first: each is the parent of the one before it.
  public let heads: [ImageHead]

  /// By image and run, the index of the run's first digest.
  private let firstPieces: [[UInt64]]

  /// - Precondition: there is one; each is the parent of the one before it, and the last has none.
  public init(_ heads: [ImageHead]) {
    precondition(!heads.isEmpty && heads.last?.parent == nil)
    for (child, parent) in zip(heads, heads.dropFirst()) {
      precondition(child.parent?.identity == parent.identity)
    }
    self.heads = heads
    firstPieces = heads.map { head in
      var piece: UInt64 = 0
      return head.entries(head.index.runs, ckpt_run.self).map { run in
        defer { if run.hasDigests { piece += Pieces.count(of: run.byte_count) } }
        return piece
      }
    }
  }

  /// The newest one, which says what there is.
  public var newest: ImageHead { heads[0] }

  /// Where the bytes of a range of private memory are.
  ///
  /// - Parameters:
  ///   - start: an address, a multiple of a page; `end` likewise.
  ///   - link: the image that is asked, 0: the newest.
  /// - Returns: parts that together are the range, in address order.
  func parts(_ start: UInt64, _ end: UInt64, from link: Int) -> [MemoryPart] {
    var found: [MemoryPart] = []
    var open = [Question(start: start, end: end, link: link)]
    while let question = open.popLast() {
      guard question.start < question.end else { continue }
      guard let index = heads[question.link].run(endingBehind: question.start),
        case let run = heads[question.link].run(index), run.address < question.end
      else {
        found.append(MemoryPart(question.start, question.end, .zero))
        continue
      }
      let start = max(question.start, run.address)
      let end = min(question.end, run.address + run.byte_count)
      if question.start < start { found.append(MemoryPart(question.start, start, .zero)) }
      // What comes behind is looked at when this is done: the stack's top is first.
      open.append(Question(start: end, end: question.end, link: question.link))
      if run.kind == CKPT_RUN_PARENT {
        open.append(Question(start: start, end: end, link: question.link + 1))
      } else {
        found.append(MemoryPart(start, end, source(of: index, run, question.link, at: start)))
      }
    }
    return found
  }

  private struct Question {
    var start: UInt64
    var end: UInt64
    var link: Int
  }

  private func source(
    of index: Int, _ run: ckpt_run, _ link: Int, at address: UInt64
  ) -> MemoryPart.Source {
    guard run.hasDigests, heads[link].isPrivate(run) else { return .zero }
    let inside = address - run.address
    let place = MemoryPart.Place(
      link: link, run: index, fileOffset: run.file_offset + inside,
      firstPiece: firstPieces[link][index] + inside / Pieces.byteCount)
    return run.kind == CKPT_RUN_HERE ? .image(place) : .file(place)
  }

  /// The index of the first digest of a run of the newest image.
  func firstPiece(ofRun index: Int) -> UInt64 { firstPieces[0][index] }
}

/// Memory whose bytes lie side by side.
struct MemoryPart: Equatable, Sendable {
  var start: UInt64
  var end: UInt64
  var source: Source

  init(_ start: UInt64, _ end: UInt64, _ source: Source) {
    self.start = start
    self.end = end
    self.source = source
  }

  var byteCount: UInt64 { end - start }

  enum Source: Equatable, Sendable {
    case zero
    case image(Place)

    /// In the file that the run's region shows.
    case file(Place)
  }

  struct Place: Equatable, Sendable {
    /// Which of the images has it, or its digests.
    var link: Int

    /// The run there.
    var run: Int
    var fileOffset: UInt64
    var firstPiece: UInt64
  }
}

extension ImageHead {
  func run(_ index: Int) -> ckpt_run {
    bytes.withRawSpan { ImageRecords<ckpt_run>(self.index.runs, in: $0)[index] }
  }

  func region(_ index: Int) -> ckpt_region {
    bytes.withRawSpan { ImageRecords<ckpt_region>(self.index.regions, in: $0)[index] }
  }

  /// The first run that ends behind an address.
  func run(endingBehind address: UInt64) -> Int? {
    bytes.withRawSpan { span in
      let runs = ImageRecords<ckpt_run>(index.runs, in: span)
      var low = 0
      var high = runs.count
      while low < high {
        let middle = low + (high - low) / 2
        let run = runs[middle]
        if run.address + run.byte_count <= address { low = middle + 1 } else { high = middle }
      }
      return low < runs.count ? low : nil
    }
  }

  /// Whether a run is of memory that a child may refer to.
  func isPrivate(_ run: ckpt_run) -> Bool {
    let kind = region(Int(run.region)).kind
    return kind == CKPT_REGION_ANONYMOUS || kind == CKPT_REGION_PRIVATE_FILE
  }

  /// The path of the file that a run's region shows.
  func path(ofRun index: Int) -> String { text(region(Int(run(index).region)).path) }
}
