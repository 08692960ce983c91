internal import KernelABI

/// One line of /proc/PID/maps, as far as it matters here.
///
/// Source: proc_pid_maps(5).
struct MapsLine: Equatable {
  var range: Range<UInt64>
  var isExecutable: Bool
  var isPrivate: Bool

  /// Empty for memory of no file.
  var name: String

  static func all(in text: String) -> [MapsLine] {
    text.split(separator: "\n").compactMap { MapsLine($0) }
  }

  init?(_ line: Substring) {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count >= 5, let dash = fields[0].firstIndex(of: "-"), fields[1].count == 4,
      let start = UInt64(fields[0][..<dash], radix: 16),
      let end = UInt64(fields[0][fields[0].index(after: dash)...], radix: 16), start < end
    else { return nil }
    range = start..<end
    isExecutable = fields[1].contains("x")
    isPrivate = fields[1].hasSuffix("p")
    // Padded with spaces to a column.
    name = fields.count == 6 ? String(fields[5].drop { $0 == " " }) : ""
  }
}

/// Where a scratch code may lie: at the end of executable memory, in bytes that nobody uses.
///
/// A file's code ends somewhere in a page, and the rest of the page is zeros. The kernel's own vdso
/// comes first: what lies behind it can be no program's.
struct ScratchPlace: Equatable {
  var address: UInt64

  /// Bytes in front of the code for a time-out that a thread's call may need for ever.
  static let slotByteCount: UInt64 = 16

  /// What is written in all, and must be zeros before.
  static let byteCount = slotByteCount + ScratchCode.byteCount

  /// Fewer zeros at an end may be data.
  private static let margin: UInt64 = 32

  /// The last pages that may hold one, best first.
  static func candidates(in maps: [MapsLine]) -> [UInt64] {
    let able = maps.filter {
      $0.isExecutable && $0.isPrivate && $0.name != "[vsyscall]" && !$0.name.isEmpty
    }
    let vdso = able.filter { $0.name == "[vdso]" }
    return (vdso + able.filter { !$0.name.hasPrefix("[") }).map { $0.range.upperBound - 4096 }
  }

  /// - Parameter page: the 4096 bytes at `address`.
  /// - Returns: `nil` when too few zeros end it.
  init?(page: [UInt8], at address: UInt64) {
    let used = UInt64((page.lastIndex { $0 != 0 } ?? -1) + 1)
    let start = (used + Self.margin + 15) / 16 * 16
    guard start + Self.byteCount <= UInt64(page.count) else { return nil }
    self.address = address + start
  }
}
