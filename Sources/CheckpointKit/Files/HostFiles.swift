public import Kernel
public import KernelABI

/// A few facts of stat(2).
public struct FileFacts: Equatable, Sendable {
  public var kind: FileKind

  /// Permission bits with set-user-ID, set-group-ID and sticky.
  public var mode: UInt32
  public var byteCount: UInt64
  public var owner: UInt32

  /// Which file this is, together.
  public var device: UInt64
  public var inode: UInt64

  public init(
    kind: FileKind, mode: UInt32, byteCount: UInt64, owner: UInt32, device: UInt64,
    inode: UInt64
  ) {
    self.kind = kind
    self.mode = mode
    self.byteCount = byteCount
    self.owner = owner
    self.device = device
    self.inode = inode
  }

  init(_ status: FileStatus) {
    self.init(
      kind: status.kind, mode: status.mode & 0o7777, byteCount: status.byteCount,
      owner: status.owner, device: status.device, inode: status.inode)
  }
}

/// Files by path, the way a command needs them: whole, small, in Swift's own types.
public enum HostFiles {
  /// Reads a file to its end, at most `limit` bytes of it.
  public static func contents(
    of path: String, limit: Int = 64 << 20
  ) throws(Errno) -> [UInt8] {
    let file = try open(path, .readOnly)
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while result.count < limit {
      let capacity = UInt64(min(buffer.count, limit - result.count))
      let count = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
        try file.read(to: address, byteCount: capacity)
      }
      guard count > 0 else { break }
      result += buffer[0..<Int(count)]
    }
    return result
  }

  /// The same, as text.
  public static func text(of path: String) throws(Errno) -> String {
    String(decoding: try contents(of: path), as: UTF8.self)
  }

  /// Source: open(2).
  public static func open(
    _ path: String, _ flags: OpenFlags, mode: UInt32 = 0
  ) throws(Errno) -> FileDescriptor {
    let raw = try withPath(path) { address throws(Errno) in
      try FileDescriptor(path: address, flags, mode: mode).relinquish()
    }
    return FileDescriptor(adopting: raw)
  }

  /// A file in memory, without a name, that holds `bytes`.
  ///
  /// Source: memfd_create(2).
  static func temporary(holding bytes: [UInt8]) throws(Errno) -> FileDescriptor {
    let number = try withPath("ckpt") { name throws(Errno) in
      try Files.memoryFile(name: name, flags: 0)
    }
    let file = FileDescriptor(adopting: number)
    try withAddress(ofBytes: bytes) { address throws(Errno) in
      try Files.write(number, from: address, byteCount: UInt64(bytes.count), at: 0)
    }
    return file
  }

  /// Names in a folder but `.` and `..`, in no order.
  ///
  /// Source: getdents64(2).
  public static func names(in folder: String) throws(Errno) -> [String] {
    let directory = try open(folder, .readOnly | .directory)
    let number = directory.number
    var names: [String] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let capacity = buffer.count
      let count = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
        try Files.entries(of: number, to: address, capacity: capacity)
      }
      guard count > 0 else { return names }
      names += entryNames(in: buffer[0..<count])
    }
  }

  /// The names in one buffer that getdents64(2) filled: inode, offset, record length, type, name.
  static func entryNames(in buffer: ArraySlice<UInt8>) -> [String] {
    var names: [String] = []
    var rest = buffer
    while rest.count > 19 {
      let length = Int(rest[rest.startIndex + 16]) | Int(rest[rest.startIndex + 17]) << 8
      guard length > 19, length <= rest.count else { break }
      let name = rest.dropFirst(19).prefix(length - 19).prefix { $0 != 0 }
      let text = String(decoding: name, as: UTF8.self)
      if text != "." && text != ".." { names.append(text) }
      rest = rest.dropFirst(length)
    }
    return names
  }

  /// Where a symbolic link points.
  ///
  /// Source: readlink(2).
  public static func linkTarget(_ path: String) throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try withPath(path) { path throws(Errno) in
      try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
        try Descriptors.readLink(path: path, to: address, capacity: 4096)
      }
    }
    return String(decoding: buffer[0..<count], as: UTF8.self)
  }

  /// Facts about what `path` leads to, through symbolic links.
  ///
  /// Source: stat(2).
  public static func facts(of path: String) throws(Errno) -> FileFacts {
    let status: FileStatus = try withPath(path) { path throws(Errno) in try FileStatus(path: path) }
    return FileFacts(status)
  }

  /// Facts about an open file.
  ///
  /// Source: fstat(2).
  public static func facts(ofDescriptor number: Int32) throws(Errno) -> FileFacts {
    FileFacts(try FileStatus(of: number))
  }

  /// Whether this process may run the file.
  ///
  /// Source: access(2), X_OK.
  public static func checkExecutable(_ path: String) throws(Errno) {
    try withPath(path) { address throws(Errno) in
      try Files.checkAccess(path: address, .execute)
    }
  }

  /// Source: rename(2).
  public static func rename(_ path: String, to destination: String) throws(Errno) {
    try withPath(path) { path throws(Errno) in
      try withPath(destination) { destination throws(Errno) in
        try Files.rename(path, to: destination)
      }
    }
  }

  /// Gives an open file without a name one that nobody has.
  ///
  /// Source: linkat(2), AT_SYMLINK_FOLLOW; proc_pid_fd(5).
  static func link(_ number: Int32, to path: String) throws(Errno) {
    try withPath("/proc/self/fd/\(number)") { source throws(Errno) in
      try withPath(path) { path throws(Errno) in
        try Files.link(source, to: path)
      }
    }
  }

  /// Source: unlink(2).
  public static func remove(_ path: String) throws(Errno) {
    try withPath(path) { path throws(Errno) in
      try Files.unlink(path: path)
    }
  }

  /// Source: getcwd(2).
  public static func workingDirectory() throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try withAddress(ofMutableBytes: &buffer) { address throws(Errno) in
      try Files.workingDirectory(to: address, capacity: 4096)
    }
    return String(decoding: buffer[0..<max(0, count)], as: UTF8.self)
  }
}

extension String {
  /// Everything before the last slash: "." without one, "/" for a name in the root.
  public var folderPart: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }

  /// Everything behind the last slash.
  public var namePart: String {
    guard let slash = lastIndex(of: "/") else { return self }
    return String(self[index(after: slash)...])
  }
}
