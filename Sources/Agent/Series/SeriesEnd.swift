internal import CImage
internal import Kernel
internal import KernelABI

/// What follows when a new image of a series is safe on disk: the link leads to it, and older images
/// go.
///
/// Runs in the clone or, without one, before the program goes on. Stopped-world safe.
enum SeriesEnd {
  /// Images that are looked at: more than anyone keeps.
  private static let memberCapacity = 1 << 15

  /// - Returns: why the link does not lead to the image, `nil`: it does, or there is none.
  static func run(_ path: ImagePath, _ draft: inout ImageDraft) -> Errno? {
    let configuration = Agent.state.naming
    guard configuration.isSeries else { return nil }
    let pattern = ImagePattern(configuration)
    let mark = draft.scratch.next
    defer { draft.scratch.rewind(to: mark) }
    do throws(Errno) {
      if pattern.isExtended {
        try link(path, pattern, configuration, &draft)
      }
    } catch {
      // What it leads to instead must stay.
      return error
    }
    if configuration.keep > 0 {
      _ = try? prune(pattern, configuration, &draft)
    }
    return nil
  }

  // MARK: The link

  /// Lets the name without a number lead to the image.
  private static func link(
    _ path: ImagePath, _ pattern: ImagePattern, _ configuration: Configuration,
    _ draft: inout ImageDraft
  ) throws(Errno) {
    var name = try ImagePath(in: &draft.scratch)
    try pattern.put(.link, of: configuration, .init(draft), into: &name)
    var temporary = try ImagePath(in: &draft.scratch)
    try temporary.append(from: name.address, byteCount: name.directoryByteCount)
    try temporary.append(".")
    try temporary.append(from: name.nameAddress, byteCount: name.nameByteCount)
    try temporary.append(".")
    try temporary.append(decimal: UInt64(draft.process.pid))
    try temporary.append(".link")
    try? Files.unlink(path: temporary.address)
    try Files.makeSymbolicLink(path: temporary.address, to: path.nameAddress)
    do throws(Errno) {
      try Files.rename(temporary.address, to: name.address)
    } catch {
      try? Files.unlink(path: temporary.address)
      throw error
    }
    // Before anything goes that it led to.
    guard configuration.keep > 0 else { return }
    name.truncate(to: name.directoryByteCount)
    if name.byteCount == 0 { try name.append(".") }
    try FileDescriptor(path: name.address, .readOnly | .directory).synchronize()
  }

  // MARK: Older images

  private static func prune(
    _ pattern: ImagePattern, _ configuration: Configuration, _ draft: inout ImageDraft
  ) throws(Errno) {
    let fields = ImagePattern.Fields(draft)
    guard var place = try SeriesPlace(pattern, configuration, fields, &draft.scratch) else {
      return
    }
    var reader = try MemberReader(in: &draft.scratch)
    var members: Table<SeriesMember> = try Table(
      in: &draft.scratch, capacity: memberCapacity)
    let directory = place.descriptorNumber
    while let name = try place.next() {
      guard members.count < members.capacity,
        let file = try? open(name.address, in: directory),
        let member = reader.read(file, series: draft.image.series),
        isNamed(name, pattern, configuration, fields.of(member), &draft.scratch)
      else { continue }
      try members.append(member)
    }
    Retention.decide(members, keep: configuration.keep)
    for index in 0..<members.count where !members[index].stays {
      remove(pattern, configuration, fields.of(members[index]), &draft.scratch)
    }
  }

  /// Opens a regular file.
  private static func open(
    _ name: Address, in directory: Int32
  ) throws(Errno) -> FileDescriptor {
    // Not through links, and not to wait for the writer of a pipe.
    let flags: OpenFlags = .readOnly | .noFollow | .nonBlocking | .closeOnExec
    let file = try FileDescriptor(path: name, in: directory, flags)
    guard try FileStatus(of: file.number).kind == .regular else { throw .invalid }
    return file
  }

  /// Whether a file has the name that its image was given: a copy has another.
  private static func isNamed(
    _ name: SeriesPlace.Name, _ pattern: ImagePattern, _ configuration: Configuration,
    _ fields: ImagePattern.Fields, _ scratch: inout Arena
  ) -> Bool {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard var path = try? ImagePath(in: &scratch),
      (try? pattern.put(.whole, of: configuration, fields, into: &path)) != nil
    else { return false }
    return path.nameByteCount == name.byteCount
      && isSame(path.nameAddress, name.address, name.byteCount)
  }

  private static func remove(
    _ pattern: ImagePattern, _ configuration: Configuration, _ fields: ImagePattern.Fields,
    _ scratch: inout Arena
  ) {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard var path = try? ImagePath(in: &scratch),
      (try? pattern.put(.whole, of: configuration, fields, into: &path)) != nil
    else { return }
    try? Files.unlink(path: path.address)
  }
}

extension ImagePattern.Fields {
  /// Those of another image of the same process.
  fileprivate func of(_ member: SeriesMember) -> Self {
    var fields = self
    fields.counter = UInt64(member.counter)
    fields.realtime = member.realtime
    return fields
  }
}
