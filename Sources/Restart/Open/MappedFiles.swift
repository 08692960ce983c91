internal import CImage
internal import Kernel
internal import KernelABI

/// Opens the files that an image (made with --thin) needs as they were.
struct MappedFiles {
  private let links: Table<ChainLink>

  /// Whose file was asked for last.
  private var link = -1
  private var region = -1
  private var found: UInt32 = 0

  init(_ links: Table<ChainLink>) { self.links = links }

  /// The source that stands for the file which a region shows; it is opened when it is new.
  mutating func source(
    of region: Int, in link: Int, among sources: inout Table<Source>
  ) throws(RestartFailure) -> UInt32 {
    if link == self.link, region == self.region { return found }
    let path = links[link].regions[region].path
    let name = Memory.bytes(
      at: links[link].strings + UInt64(path.offset), count: Int(path.byte_count))
    for index in links.count..<sources.count
    where Self.isSame(name, sources[index]) {
      (self.link, self.region, found) = (link, region, UInt32(index))
      return found
    }
    let source = try open(path, links[link].strings)
    var grown = sources
    let index = try during("cannot restart: too many files") { () throws(Errno) in
      try grown.append(source)
    }
    sources = grown
    (self.link, self.region, found) = (link, region, UInt32(index))
    return found
  }

  private static func isSame(_ name: RawSpan, _ source: Source) -> Bool {
    guard name.byteCount == source.nameByteCount else { return false }
    let other = Memory.bytes(at: source.name, count: source.nameByteCount)
    for index in 0..<name.byteCount where name.byte(at: index) != other.byte(at: index) {
      return false
    }
    return true
  }

  private func open(
    _ path: ckpt_string, _ strings: Address
  ) throws(RestartFailure) -> Source {
    let name = strings + UInt64(path.offset)
    do throws(Errno) {
      var text = PathBuffer()
      try text.append(from: name, byteCount: Int(path.byte_count))
      let descriptor = try text.withPath { (start) throws(Errno) in
        try FileDescriptor(path: start, .readOnly | .nonBlocking).relinquish()
      }
      return Source(
        descriptor: descriptor, isFile: true, name: name, nameByteCount: Int(path.byte_count))
    } catch {
      throw RestartFailure(
        .damagedImage, "cannot open a file that the image needs as it was,", errno: error,
        hint: "put it back; checkpoints without --thin don't need it", name: name,
        nameByteCount: Int(path.byte_count))
    }
  }
}
