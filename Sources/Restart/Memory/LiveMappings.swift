internal import Kernel
internal import KernelABI
internal import Procfs

/// One mapping that `restart` itself has before it clears its address space.
struct LiveMapping: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable { case ordinary, vdso, vvar, vsyscall }

  var range: AddressRange
  var kind: Kind
}

/// What `restart` itself has mapped.
struct LiveMappings {
  /// `restart` is static and has a dozen mappings; what is passed to it can't add to them.
  private static let capacity = 512
  private static let textCapacity: UInt64 = 128 << 10

  let mappings: Table<LiveMapping>

  /// Reads them into memory of its own, which is among them.
  init() throws(RestartFailure) {
    mappings = try during("cannot read /proc/self/maps") { () throws(Errno) in
      var arena = try Arena(mapping: Self.textCapacity + (64 << 10))
      var table = try Table<LiveMapping>(in: &arena, capacity: Self.capacity)
      let text = try arena.reserve(Self.textCapacity)
      let file = try FileDescriptor("/proc/self/maps", .readOnly)
      let count = try file.readToEnd(to: text, capacity: Self.textCapacity)
      let bytes = Memory.bytes(at: text, count: Int(count))
      var cursor = TextCursor(bytes)
      while let entry = SmapsEntry(from: &cursor) {
        try table.append(
          LiveMapping(range: entry.range, kind: Self.kind(bytes, at: entry.pathOffset)))
      }
      return table
    }
  }

  private static func kind(_ bytes: RawSpan, at offset: Int) -> LiveMapping.Kind {
    var cursor = TextCursor(bytes)
    cursor.skip(offset)
    if cursor.take("[vdso]") { return .vdso }
    if cursor.take("[vvar") { return .vvar }
    return cursor.take("[vsyscall]") ? .vsyscall : .ordinary
  }
}
