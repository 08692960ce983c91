internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Opens an image and those it refers to, reads their heads, and checks them.
///
/// Nothing else is touched, and the data behind the heads is not read.
///
/// - Parameter map: which paths differ on this machine.
func openImage(_ path: ByteString, _ map: PathMap) throws(RestartFailure) -> LoadedImage {
  var chain = OpenedChain(map)
  try chain.open(path)
  return try chain.flattened()
}

/// One image of a chain, opened and checked.
struct OpenedImage: BitwiseCopyable {
  var head: AddressRange
  var index: ImageIndex
  var source: Source

  /// Whether it is a snapshot executable, and which.
  var executable: Executable?

  var image: ckpt_image { first(index.image) }

  /// `nil`: it stands alone.
  var parent: ckpt_parent? { index.parent == .absent ? nil : first(index.parent) }

  /// Where its strings begin.
  var strings: Address { head.start + UInt64(index.strings.offset) }

  func records<T: BitwiseCopyable>(_ location: NoteLocation) -> Records<T> {
    Records(
      at: head.start + UInt64(location.offset), count: location.count,
      stride: location.entryByteCount)
  }

  private func first<T: BitwiseCopyable>(_ location: NoteLocation) -> T { records(location)[0] }
}

/// The images that a restart takes memory from.
struct OpenedChain {
  private var images = Table<OpenedImage>(at: .zero, count: 0)

  /// The images have the paths of this machine.
  var map: PathMap

  init(_ map: PathMap = PathMap()) { self.map = map }

  /// Opens the newest image and all that it refers to.
  ///
  /// - Parameter name: for messages; `nil`: the path.
  mutating func open(_ path: ByteString, called name: ByteString? = nil) throws(RestartFailure) {
    var last = try OpenedImage(opening: path, called: name ?? path)
    try last.rename(by: &map)
    let count = 1 + Int(last.parent?.depth ?? 0)
    try begin(with: last)
    while let parent = last.parent {
      // Shorter than it says it may be: an image that was merged in its place needs no other.
      guard Int(parent.depth) <= count - images.count else {
        throw Self.failure(
          "cannot restart", last.source, why: "the chain of images is longer than it says")
      }
      last = try ParentLookup(child: last, parent: parent).open()
      try last.rename(by: &map)
      try append(last)
    }
  }

  /// Takes the newest image; its paths stay as they are.
  mutating func begin(with image: OpenedImage) throws(RestartFailure) {
    images = try Self.prepared { (arena) throws(Errno) in
      try Table(in: &arena, capacity: 1 + Int(image.parent?.depth ?? 0))
    }
    try append(image)
  }

  private mutating func append(_ image: OpenedImage) throws(RestartFailure) {
    var grown = images
    try during("cannot restart: the chain of images is too long") { () throws(Errno) in
      try grown.append(image)
    }
    images = grown
  }

  /// Finds out which image has what, and opens the files that have the rest.
  func flattened() throws(RestartFailure) -> LoadedImage {
    map.tellUnused()
    trace("%u images in the chain", images.count)
    let regionCount = Int(images[0].index.regions.count)
    var fileCount = 0
    for index in 0..<images.count { fileCount += Int(images[index].index.regions.count) }
    var links = Table<ChainLink>(at: .zero, count: 0)
    var flattening = try Self.prepared { (arena) throws(Errno) in
      links = try Table(in: &arena, capacity: images.count)
      for index in 0..<images.count {
        let image = images[index]
        try links.append(
          ChainLink(
            runs: image.records(image.index.runs), regions: image.records(image.index.regions),
            strings: image.strings, in: &arena))
      }
      return try Flattening(links, in: &arena)
    }
    var count = 0
    for region in 0..<regionCount { try flattening.walk(region: region) { _, _ in count += 1 } }
    var spans = try Self.prepared { (arena) throws(Errno) in
      try Table<Span>(in: &arena, capacity: count)
    }
    var firstSpans = try Self.prepared { (arena) throws(Errno) in
      try Table<UInt32>(in: &arena, capacity: regionCount + 1)
    }
    var sources = try Self.prepared { (arena) throws(Errno) in
      try Table<Source>(in: &arena, capacity: images.count + fileCount)
    }
    var files = MappedFiles(links)
    try during("cannot restart") { () throws(Errno) in
      for index in 0..<images.count { try sources.append(images[index].source) }
    }
    for region in 0..<regionCount {
      try Self.add(UInt32(spans.count), to: &firstSpans)
      try flattening.walk(region: region) { (span, savedIn) throws(RestartFailure) in
        var span = span
        if span.isInFile {
          span.source = try files.source(of: savedIn, in: Int(span.link), among: &sources)
        }
        try Self.add(span, to: &spans)
      }
    }
    try Self.add(UInt32(spans.count), to: &firstSpans)
    return LoadedImage(
      head: images[0].head.start, headByteCount: images[0].head.byteCount, index: images[0].index,
      sources: sources, spans: spans,
      firstSpans: firstSpans, executable: images[0].executable)
  }

  private static func add<T: BitwiseCopyable>(
    _ record: T, to table: inout Table<T>
  ) throws(RestartFailure) {
    do throws(Errno) { try table.append(record) } catch { throw noMemory(error) }
  }

  /// Room for tables: as much as there are addresses, of which only what is used takes memory.
  private static func prepared<R>(
    _ body: (inout Arena) throws(Errno) -> R
  ) throws(RestartFailure) -> R {
    do throws(Errno) {
      var arena = try Arena(mapping: 1 << 32)
      let result = try body(&arena)
      try Mapping.unmap(
        AddressRange(start: arena.usedPages.end.rawValue, end: arena.range.end.rawValue) ?? .empty)
      return result
    } catch {
      throw noMemory(error)
    }
  }

  private static func noMemory(_ error: Errno) -> RestartFailure {
    RestartFailure(
      .failed, "cannot prepare the restart's own memory", errno: error,
      hint: "the image needs more memory than this process may have; see `ulimit -v`")
  }

  private static func failure(
    _ what: StaticString, _ source: Source, why: StaticString
  ) -> RestartFailure {
    RestartFailure(
      .damagedImage, what, why: why, hint: "`ckpt verify` tells more; take an earlier checkpoint",
      name: source.name, nameByteCount: source.nameByteCount)
  }
}

extension OpenedImage {
  init(opening path: ByteString) throws(RestartFailure) {
    try self.init(opening: path, called: path)
  }

  /// - Parameter name: stays where it is, for messages.
  init(opening path: ByteString, called name: ByteString) throws(RestartFailure) {
    var file = try UncheckedImage(opening: path, called: name)
    try file.findImage()
    head = try file.readHead()
    index = try file.index(of: head)
    let blocks = try file.readDigests(of: index, head: head)
    try file.checkEnd(of: index, head: head)
    let start = file.start
    executable = file.executable
    source = Source(
      descriptor: file.relinquish(), start: start, end: index.end, blocks: blocks,
      name: name.address,
      nameByteCount: name.byteCount)
  }

  /// Lets go of an image that is not needed after all.
  func close() {
    closeDescriptor(source.descriptor)
    try? Mapping.unmap(head)
  }
}

extension Span {
  /// Its bytes are in a file that a region shows; which, is not known yet.
  var isInFile: Bool { source == Span.zeros && link != Span.zeros }
}
