internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// Looks for the program `restart`, where nobody has handed it over.
///
/// CKPT_RESTART names it; else it is beside the agent's own file, or in ../bin of it. In a program
/// that came from a snapshot executable, the agent's file may be that one, which begins with a
/// `restart` too.
struct RestartProgram {
  /// What was tried last, for messages.
  private(set) var path: ImagePath

  /// Bytes of environment that are looked at.
  private static let environmentCapacity: UInt64 = 4 << 20

  init(scratch: inout Arena) throws(Errno) { path = try ImagePath(in: &scratch) }

  /// - Throws: why the last place that was tried has none.
  mutating func open(
    _ draft: ImageDraft, scratch: inout Arena
  ) throws(Errno) -> FileDescriptor {
    if try takeVariable(&scratch) { return try FileDescriptor(path: path.address, .readOnly) }
    guard let agent = Self.agentPath(draft) else { throw .noSuchFile }
    let folder = Self.folderByteCount(draft, agent)
    let start = draft.strings.base + UInt64(agent.offset)
    for place in 0..<3 {
      path.truncate(to: 0)
      switch place {
      case 0:
        try path.append(from: start, byteCount: folder)
        try path.append("restart")
      case 1:
        try path.append(from: start, byteCount: folder)
        try path.append("../bin/restart")
      default: try path.append(from: start, byteCount: UInt64(agent.byte_count))
      }
      if let file = try? FileDescriptor(path: path.address, .readOnly) { return file }
    }
    throw .noSuchFile
  }

  /// Takes the path from the environment that the program was started with.
  private mutating func takeVariable(_ scratch: inout Arena) throws(Errno) -> Bool {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard let room = try? scratch.reserve(Self.environmentCapacity),
      let file = try? FileDescriptor("/proc/thread-self/environ", .readOnly),
      let count = try? file.readToEnd(to: room, capacity: Self.environmentCapacity)
    else { return false }
    var cursor = TextCursor(Memory.bytes(at: room, count: Int(count)))
    while !cursor.isAtEnd {
      if cursor.take("CKPT_RESTART=") {
        while let byte = cursor.current, byte != 0 {
          try path.append(byte)
          cursor.skip()
        }
        return path.byteCount > 0
      }
      while let byte = cursor.current, byte != 0 { cursor.skip() }
      cursor.skip()
    }
    return false
  }

  /// The file that the agent's code is mapped from.
  private static func agentPath(_ draft: ImageDraft) -> ckpt_string? {
    let code = Address(Handler.wakeEntry)
    for index in 0..<draft.regions.count {
      let region = draft.regions[index]
      guard region.start <= code.rawValue, code.rawValue < region.end else { continue }
      return region.path.byte_count > 0 ? region.path : nil
    }
    return nil
  }

  /// Up to and with the last slash.
  private static func folderByteCount(_ draft: ImageDraft, _ path: ckpt_string) -> UInt64 {
    let start = draft.strings.base + UInt64(path.offset)
    var count = UInt64(path.byte_count)
    while count > 0, Memory.load(UInt8.self, at: start + (count - 1)) != 0x2F { count -= 1 }
    return count
  }
}
