internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Looks for names of inodes: among the files that the program has open, its working directory and
/// the folders above it, and what lies below it.
struct NameFinder: BitwiseCopyable {
  struct Wanted: BitwiseCopyable {
    var watch: FdinfoWatch
    /// Empty until found.
    var path: ckpt_string
  }

  private(set) var wanted: Table<Wanted>
  private var missing = 0

  private let path: Address
  private static let pathCapacity = 4096

  /// Entries of directories that are looked at: the program stands still meanwhile.
  private var budget = 50_000
  private static let deepest = 16

  init(capacity: Int, in draft: inout ImageDraft) throws(Errno) {
    wanted = try Table(in: &draft.scratch, capacity: capacity)
    path = try draft.scratch.reserve(UInt64(Self.pathCapacity))
  }

  mutating func want(_ watch: FdinfoWatch) throws(Errno) {
    try wanted.append(Wanted(watch: watch, path: ckpt_string(offset: 0, byte_count: 0)))
    missing += 1
  }

  /// Stops as soon as all are found.
  mutating func search(_ draft: inout ImageDraft, _ list: OpenFileList) throws(Errno) {
    try searchOpenFiles(&draft, list)
    guard missing > 0, let length = try? Files.workingDirectory(to: path, capacity: 4000) else {
      return
    }
    let isQuiet = try check(length, &draft)
    try searchAbove(length, &draft)
    guard isQuiet, missing > 0, let length = try? Files.workingDirectory(to: path, capacity: 4000)
    else {
      return
    }
    try searchBelow(length, depth: 0, &draft)
  }

  private mutating func searchOpenFiles(
    _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(Errno) {
    for index in 0..<draft.files.count where missing > 0 {
      let file = draft.files[index]
      guard isWanted(file.inode) else { continue }
      var link = Line("/proc/thread-self/fd/")
      link.append(decimal: UInt64(UInt32(bitPattern: list.number(of: index))))
      let place = path
      let count = try link.withPath { (link) throws(Errno) in
        try Descriptors.readLink(path: link, to: place, capacity: Self.pathCapacity - 1)
      }
      try check(count, &draft)
    }
  }

  private mutating func searchAbove(_ length: Int, _ draft: inout ImageDraft) throws(Errno) {
    var length = length
    while length > 1, missing > 0 {
      length -= 1
      let byte = Memory.load(UInt8.self, at: path + UInt64(length))
      if byte == 0x2F { try check(max(length, 1), &draft) }
    }
  }

  /// Walks the folder whose path has `length` bytes.
  private mutating func searchBelow(
    _ length: Int, depth: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    guard depth < Self.deepest else { return }
    terminate(length)
    guard let number = try? Files.open(path: path, .readOnly | .directory | .noFollow) else {
      return
    }
    let folder = FileDescriptor(adopting: number)
    let mark = draft.scratch.next
    let buffer = try draft.scratch.reserve(8192)
    while missing > 0, budget > 0 {
      let count = (try? Files.entries(of: folder.number, to: buffer, capacity: 8192)) ?? 0
      guard count > 0 else { break }
      var offset = 0
      while offset < count, missing > 0 {
        let entry = buffer + UInt64(offset)
        try visit(entry, in: length, depth, &draft)
        offset += max(Int(Memory.load(UInt16.self, at: entry + 16)), 24)
      }
    }
    draft.scratch.rewind(to: mark)
  }

  /// struct linux_dirent64: inode, offset, 16 bits of length, 8 of type, name.
  private mutating func visit(
    _ entry: Address, in length: Int, _ depth: Int, _ draft: inout ImageDraft
  ) throws(Errno) {
    budget -= 1
    let isFolder = Memory.load(UInt8.self, at: entry + 18) == 4
    let isSought = isWanted(Memory.load(UInt64.self, at: entry))
    guard isFolder || isSought, let whole = append(nameAt: entry + 19, to: length) else { return }
    let isQuiet = isSought ? try check(whole, &draft) : true
    if isFolder, isQuiet, budget > 0 { try searchBelow(whole, depth: depth + 1, &draft) }
  }

  /// - Returns: the bytes of the longer path; `nil` for `.` and `..`, and when there is no room.
  private func append(nameAt name: Address, to length: Int) -> Int? {
    var count = 0
    while Memory.load(UInt8.self, at: name + UInt64(count)) != 0 { count += 1 }
    let first = Memory.load(UInt8.self, at: name)
    let isDots =
      first == 0x2E && count <= 2
      && Memory.load(UInt8.self, at: name + UInt64(count - 1)) == 0x2E
    guard !isDots, length + count + 2 < Self.pathCapacity else { return nil }
    var end = length
    if end > 1 {
      Memory.store(UInt8(0x2F), at: path + UInt64(end))
      end += 1
    }
    Memory.copy(from: name, to: path + UInt64(end), byteCount: UInt64(count))
    return end + count
  }

  private func terminate(_ length: Int) { Memory.store(UInt8(0), at: path + UInt64(length)) }

  private func isWanted(_ inode: UInt64) -> Bool {
    for index in 0..<wanted.count where wanted[index].watch.inode == inode {
      if wanted[index].path.byte_count == 0 { return true }
    }
    return false
  }

  /// IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN: what reading a folder would be reported as.
  private static let readingEvents: UInt32 = 0x31

  /// Notes the path of `length` bytes if it is one that is looked for.
  ///
  /// - Returns: whether the program would not notice if it were walked through.
  @discardableResult
  private mutating func check(_ length: Int, _ draft: inout ImageDraft) throws(Errno) -> Bool {
    let saved = Memory.load(UInt8.self, at: path + UInt64(length))
    terminate(length)
    defer { Memory.store(saved, at: path + UInt64(length)) }
    guard let status = try? FileStatus(path: path) else { return true }
    var isQuiet = true
    for index in 0..<wanted.count {
      var one = wanted[index]
      guard one.watch.inode == status.inode, one.watch.device == status.device else { continue }
      if one.watch.mask & Self.readingEvents != 0 { isQuiet = false }
      guard one.path.byte_count == 0 else { continue }
      one.path = try draft.string(at: path, byteCount: length)
      wanted[index] = one
      missing -= 1
    }
    return isQuiet
  }
}
