internal import Kernel
internal import KernelABI
internal import Procfs

/// What the memory controller of the process's control group leaves it.
///
/// Source: cgroups(7); `Documentation/admin-guide/cgroup-v2.rst`, `cgroup-v1/memory.rst`.
enum GroupLimit {
  /// Bytes until the process's group, or one above it, is full; `nil`: nothing limits it, or the
  /// limit can't be seen from here.
  static func available(_ scratch: inout Arena) -> UInt64? {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard let text = try? scratch.reserve(StatusText.capacity),
      let file = try? FileDescriptor("/proc/thread-self/cgroup", .readOnly),
      let count = try? file.readToEnd(to: text, capacity: StatusText.capacity)
    else { return nil }
    var cursor = TextCursor(Memory.bytes(at: text, count: Int(count)))
    var least: UInt64?
    while !cursor.isAtEnd {
      // ID:CONTROLLERS:PATH
      while let byte = cursor.current, byte != 0x3A { cursor.skip() }
      cursor.skip()
      let hierarchy: Hierarchy? =
        cursor.take("memory:") ? .first : cursor.take(byte: 0x3A) ? .second : nil
      let start = cursor.offset
      cursor.skipLine()
      guard let hierarchy else { continue }
      let length = cursor.offset - start - 1
      if let left = left(hierarchy, text + UInt64(start), length, &scratch) {
        least = min(least ?? .max, left)
      }
    }
    return least
  }

  private enum Hierarchy {
    case first, second
    var root: StaticString { self == .first ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup" }
    var limit: StaticString { self == .first ? "/memory.limit_in_bytes" : "/memory.max" }
    var usage: StaticString { self == .first ? "/memory.usage_in_bytes" : "/memory.current" }
  }

  /// The least that is left from the group upwards.
  private static func left(
    _ hierarchy: Hierarchy, _ path: Address, _ byteCount: Int, _ scratch: inout Arena
  ) -> UInt64? {
    var least: UInt64?
    var length = byteCount
    while true {
      if let limit = number(hierarchy, hierarchy.limit, path, length, &scratch),
        let usage = number(hierarchy, hierarchy.usage, path, length, &scratch)
      {
        // Files in the page cache count as used, but make room.
        let cache = number(
          hierarchy, "/memory.stat", path, length, labelled: "inactive_file", &scratch)
        let used = usage - min(usage, cache ?? 0)
        least = min(least ?? .max, limit - min(limit, used))
      }
      guard length > 0 else { return least }
      // Up to the slash before: the group above.
      repeat {
        length -= 1
      } while length > 0
        && Memory.load(UInt8.self, at: path + UInt64(length)) != 0x2F
    }
  }

  /// The number in a file of a group, or on one of its lines.
  ///
  /// - Returns: `nil` also for `max`.
  private static func number(
    _ hierarchy: Hierarchy, _ name: StaticString, _ path: Address, _ length: Int,
    labelled label: StaticString? = nil, _ scratch: inout Arena
  ) -> UInt64? {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    var line = Line(hierarchy.root)
    line.append(at: path, count: length)
    line.append(name)
    guard let text = try? scratch.reserve(StatusText.capacity),
      let count = try? line.withPath({ (path) throws(Errno) in
        let file = try FileDescriptor(path: path, .readOnly)
        return try file.readToEnd(to: text, capacity: StatusText.capacity)
      })
    else { return nil }
    var cursor = TextCursor(Memory.bytes(at: text, count: Int(count)))
    if let label { return cursor.number(labelled: label) }
    return cursor.number()
  }
}
