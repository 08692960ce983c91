internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// What the machine can do: the simplest loops that write and read as many bytes.
struct PlainLoops {
  /// Bytes that don't compress, in small pages; larger than any cache.
  private let source: AddressRange
  private static let chunk: UInt64 = 1 << 20

  init() throws(Errno) {
    let byteCount: UInt64 = 256 << 20
    let start = try Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous)
    try Mapping.advise(
      AddressRange(start: start, byteCount: byteCount) ?? .empty, Advice.noHugePage)
    var done: UInt64 = 0
    while done < byteCount {
      // getrandom(2)
      done += UInt64(
        try systemCall(318, (start + done).argument, Int(min(byteCount - done, 1 << 20)), 0))
    }
    source = AddressRange(start: start, byteCount: byteCount) ?? .empty
  }

  /// Takes so much memory from the kernel in huge pages, touches it and gives it back.
  static func warm(_ byteCount: UInt64) {
    let byteCount = byteCount + byteCount / 16
    guard let start = try? Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous),
      let range = AddressRange(start: start, byteCount: byteCount)
    else { return }
    try? Mapping.advise(range, Advice.hugePage)
    try? Mapping.advise(range, Advice.populateWrite)
    try? Mapping.unmap(range)
  }

  /// Writes a new file of that size.
  ///
  /// - Returns: nanoseconds until all was written, and until fdatasync(2) was done as well.
  func write(
    _ byteCount: UInt64, to path: String, durably: Bool
  ) throws(Errno) -> (UInt64, UInt64) {
    let start = Clock.monotonic
    let file = try CheckpointKit.Files.open(
      path, .writeOnly | .create | .truncate, mode: 0o600)
    var done: UInt64 = 0
    while done < byteCount {
      let count = min(Self.chunk, byteCount - done)
      let place = done % source.byteCount
      try file.writeFully(
        from: source.start + place, byteCount: min(count, source.byteCount - place))
      done += min(count, source.byteCount - place)
    }
    let written = Clock.monotonic - start
    if durably { try systemCall(SyscallNumber.fdatasync, Int(file.number)) }
    return (written, Clock.monotonic - start)
  }

  /// Reads a file into fresh memory of small pages.
  ///
  /// - Returns: nanoseconds.
  static func read(_ path: String) throws(Errno) -> UInt64 {
    let byteCount = try CheckpointKit.Files.facts(of: path).byteCount
    let start = Clock.monotonic
    let file = try CheckpointKit.Files.open(path, .readOnly)
    let memory = try Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous)
    guard let range = AddressRange(start: memory, byteCount: byteCount) else { throw .outOfRange }
    try Mapping.advise(range, Advice.noHugePage)
    var done: UInt64 = 0
    while done < byteCount {
      let count = try file.read(to: memory + done, byteCount: min(chunk, byteCount - done))
      guard count > 0 else { break }
      done += count
    }
    let time = Clock.monotonic - start
    try Mapping.unmap(range)
    return time
  }
}
