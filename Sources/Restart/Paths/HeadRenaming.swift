internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Writes other paths into the head of an image that lies in memory, checked.
///
/// So that whoever opens something later finds the path that it has on this machine, wherever the head
/// has been moved to. The new paths come behind the head, where the strings then reach to. It
/// goes twice through all paths: first only to know what room they take.
struct HeadRenaming {
  private(set) var image: OpenedImage
  private(set) var map: PathMap

  /// Bytes from the start of the head to where the next path comes.
  private var end: UInt64

  /// Whether this is the second time, and `image.head` has the room.
  private var writes = false

  init(of image: OpenedImage, by map: PathMap) {
    self.image = image
    self.map = map
    end = image.head.byteCount
  }

  /// - Throws: when the name of a Unix socket becomes too long, or there is no memory.
  mutating func run() throws(RestartFailure) {
    try walk()
    guard end > image.head.byteCount else { return }
    let room = try moveHead()
    writes = true
    try walk()
    image.head = room
    image.index.strings.count = Int(end) - image.index.strings.offset
  }

  /// Moves the head to where the new paths fit in behind it.
  ///
  /// - Returns: all of that place.
  private mutating func moveHead() throws(RestartFailure) -> AddressRange {
    let old = image.head
    let size = roundedUpToPage(end)
    let room = try during("cannot get memory for the restart") { () throws(Errno) in
      guard size <= UInt64(UInt32.max) else { throw .outOfMemory }
      let start = try Mapping.map(byteCount: size, .read | .write, .private | .anonymous)
      guard let room = AddressRange(start: start, byteCount: size) else { throw .outOfMemory }
      return room
    }
    Memory.copy(from: old.start, to: room.start, byteCount: old.byteCount)
    try? Mapping.unmap(old)
    end = old.byteCount
    image.head = AddressRange(start: room.start, byteCount: end) ?? room
    return room
  }

  private mutating func walk() throws(RestartFailure) {
    renameProcess()
    renameParent()
    renameRegions()
    for index in 0..<image.index.files.count { try renameFile(index) }
  }

  // MARK: Paths

  /// Puts the path of this machine behind the head.
  ///
  /// - Returns: where it lies; `nil`: the path stays as it is.
  private mutating func rename(_ path: ByteString) -> ByteString? {
    guard let rule = map.rule(for: path) else { return nil }
    let new = ByteString(address: image.head.start + end, byteCount: rule.byteCount(for: path))
    end += UInt64(new.byteCount)
    if writes { rule.write(path, to: new.address) }
    return new
  }

  private mutating func rename(_ string: inout ckpt_string) {
    let path = ByteString(
      address: image.strings + UInt64(string.offset), byteCount: Int(string.byte_count))
    guard let new = rename(path), writes else { return }
    string = ckpt_string(
      offset: UInt32(new.address - image.strings), byte_count: UInt32(new.byteCount))
  }

  private func address(_ location: NoteLocation, _ index: Int) -> Address {
    image.head.start + UInt64(location.offset + index * location.entryByteCount)
  }

  // MARK: Records

  private mutating func renameProcess() {
    let place = address(image.index.process, 0)
    var process = Memory.load(ckpt_process.self, at: place)
    rename(&process.executable)
    rename(&process.directory)
    if writes { Memory.store(process, at: place) }
  }

  private mutating func renameParent() {
    guard image.index.parent != .absent else { return }
    let place = address(image.index.parent, 0)
    var parent = Memory.load(ckpt_parent.self, at: place)
    rename(&parent.path)
    if writes { Memory.store(parent, at: place) }
  }

  private mutating func renameRegions() {
    for index in 0..<image.index.regions.count {
      let place = address(image.index.regions, index)
      var region = Memory.load(ckpt_region.self, at: place)
      guard region.kind == CKPT_REGION_PRIVATE_FILE || region.kind == CKPT_REGION_SHARED_FILE
      else { continue }
      rename(&region.path)
      if writes { Memory.store(region, at: place) }
    }
  }

  private mutating func renameFile(_ index: Int) throws(RestartFailure) {
    let place = address(image.index.files, index)
    var file = Memory.load(ckpt_file.self, at: place)
    switch file.kind {
    case CKPT_FILE_REGULAR, CKPT_FILE_DIRECTORY, CKPT_FILE_FIFO, CKPT_FILE_DEVICE:
      rename(&file.path)
      if writes { Memory.store(file, at: place) }
    case CKPT_FILE_INOTIFY: renameWatches(of: file)
    case CKPT_FILE_UNIX_SOCKET: try renameSocket(file)
    default: break
    }
  }

  /// - Returns: `nil`: whoever restores it refuses it.
  private func detail(of file: ckpt_file) -> FileDetail? {
    FileDetail(file, at: address(image.index.details, 0) + UInt64(file.detail.offset))
  }

  private mutating func renameWatches(of file: ckpt_file) {
    guard let watches = detail(of: file)?.array(after: 0, of: ckpt_inotify_watch.self) else {
      return
    }
    let stringsByteCount = UInt64(image.head.byteCount) - UInt64(image.index.strings.offset)
    for index in 0..<watches.count {
      var watch = watches[index]
      guard UInt64(watch.path_offset) + UInt64(watch.path_bytes) <= stringsByteCount else {
        continue
      }
      var path = ckpt_string(offset: watch.path_offset, byte_count: watch.path_bytes)
      rename(&path)
      (watch.path_offset, watch.path_bytes) = (path.offset, path.byte_count)
      if writes { Memory.store(watch, at: watches.base + UInt64(index * watches.stride)) }
    }
  }

  /// Both addresses are at the end of a socket's record.
  private mutating func renameSocket(_ file: ckpt_file) throws(RestartFailure) {
    let size = MemoryLayout<ckpt_socket_address>.size
    let skipped = MemoryLayout<ckpt_file_socket>.size - 2 * size
    guard let addresses = detail(of: file)?.array(after: skipped, of: ckpt_socket_address.self),
      addresses.count >= 2
    else { return }
    for index in 0..<2 { try rename(addressAt: addresses.base + UInt64(index * size)) }
  }

  /// Source: unix(7): two bytes, then the path, which ends with a NUL or the address.
  private mutating func rename(addressAt place: Address) throws(RestartFailure) {
    let record = Memory.load(ckpt_socket_address.self, at: place)
    let address = SocketAddress(record)
    var count = 0
    while count + 2 < Int(address.byteCount), address.byte(at: count + 2) != 0 { count += 1 }
    let start = place + UInt64(MemoryLayout<ckpt_socket_address>.size) - 112 + 2
    guard let path = rename(ByteString(address: start, byteCount: count)) else { return }
    // sun_path has 108 bytes, one of them for a NUL.
    guard path.byteCount < 108 else {
      throw RestartFailure(
        .failed, "cannot rename a Unix socket by --map:", why: "its new name has over 107 bytes",
        hint: "map it to a shorter path", name: start, nameByteCount: count)
    }
    guard writes else { return }
    Memory.copy(from: path.address, to: start, byteCount: UInt64(path.byteCount))
    Memory.store(UInt8(0), at: start + UInt64(path.byteCount))
    Memory.store(UInt32(path.byteCount + 3), at: place)
  }
}

extension OpenedImage {
  /// Gives it the paths of this machine.
  mutating func rename(by map: inout PathMap) throws(RestartFailure) {
    guard !map.isEmpty else { return }
    var renaming = HeadRenaming(of: self, by: map)
    try renaming.run()
    self = renaming.image
    map = renaming.map
  }
}
