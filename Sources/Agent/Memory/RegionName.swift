internal import KernelABI
internal import Kernel
internal import Procfs

/// What the last column of a line of `maps` tells about a region.
enum RegionName: Equatable {
  case none, heap, stack
  case vdso, vvar, vsyscall
  case otherSpecial  // [aio], [uprobes] and what else the kernel may come up with
  case zeroDevice  // /dev/zero, whether shared or private
  case device  // below /dev, but not shared memory
  case memfd, sysv, hugePages
  case restored  // a memfd that `restart` made for a file: its name holds the file's
  case restoredShared  // a memfd that `restart` made for shared anonymous memory
  case deleted  // a file with no name any more
  case file

  /// What the name of a memfd begins with that stands for a file of the first run.
  static let restoredPrefix: StaticString = "/memfd:ckpt:"
  static let restoredSharedName: StaticString = "/memfd:ckpt-shared (deleted)"
  private static let deletedSuffix: StaticString = " (deleted)"

  init(_ path: RawSpan) {
    var cursor = TextCursor(path)
    if cursor.isAtEnd { self = .none; return }
    if cursor.take(byte: 0x5B) {
      self = Self.special(&cursor)
      return
    }
    let isDeleted = Self.endsDeleted(path)
    if cursor.take(Self.restoredPrefix) {
      self = .restored
    } else if cursor.take(Self.restoredSharedName) {
      self = .restoredShared
    } else if cursor.take("/memfd:") {
      self = .memfd
    } else if cursor.take("/SYSV") {
      self = .sysv
    } else if cursor.take("/anon_hugepage") {
      self = .hugePages
    } else if cursor.take("/dev/zero") {
      self = .zeroDevice
    } else if cursor.take("/[aio]") || cursor.take("anon_inode:") {
      self = .otherSpecial
    } else if cursor.take("/dev/shm/") {
      self = isDeleted ? .deleted : .file
    } else if cursor.take("/dev/") {
      self = .device
    } else {
      self = isDeleted ? .deleted : .file
    }
  }

  private static func special(_ cursor: inout TextCursor) -> RegionName {
    if cursor.take("heap]") { return .heap }
    if cursor.take("stack") { return .stack }
    if cursor.take("anon:") { return .none }
    if cursor.take("anon_shmem:") { return .zeroDevice }
    if cursor.take("vdso]") { return .vdso }
    if cursor.take("vvar") { return .vvar }
    if cursor.take("vsyscall]") { return .vsyscall }
    return .otherSpecial
  }

  private static func endsDeleted(_ path: RawSpan) -> Bool {
    let count = deletedSuffix.utf8CodeUnitCount
    guard path.byteCount > count else { return false }
    var cursor = TextCursor(path)
    cursor.skip(path.byteCount - count)
    return cursor.take(deletedSuffix)
  }

  /// The path that a region had in the process's first life.
  func original(_ path: Address, byteCount: Int) -> (address: Address, byteCount: Int) {
    guard self == .restored else { return (path, byteCount) }
    let prefix = Self.restoredPrefix.utf8CodeUnitCount
    return (
      path + UInt64(prefix), byteCount - prefix - Self.deletedSuffix.utf8CodeUnitCount
    )
  }
}
