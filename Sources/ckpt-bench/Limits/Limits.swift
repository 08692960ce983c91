internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// What the machine can do: the simplest loops that write, read and copy as many bytes.
///
/// All times are nanoseconds.
struct Limits {
  private let source: LargeBuffer
  private let target: LargeBuffer
  private let scratch: Scratch
  private var file: String { scratch.path("plain") }

  init(_ scratch: Scratch) throws(BenchFailure) {
    self.scratch = scratch
    do throws(Errno) {
      source = try LargeBuffer(isRandom: true)
      target = try LargeBuffer(isRandom: false)
    } catch {
      throw BenchFailure("no memory for the plain loops (errno \(error.rawValue))")
    }
  }

  /// Writes a new file of that size by write(2), 1 MiB at a time.
  ///
  /// - Returns: until all was written, and until fdatasync(2) was done as well.
  func write(_ byteCount: UInt64) throws(BenchFailure) -> (written: UInt64, durable: UInt64) {
    try onFreshFile { () throws(Errno) in
      let start = Clock.monotonic
      let file = try HostFiles.open(
        file, .writeOnly | .create | .truncate, mode: 0o600)
      try writeAll(byteCount, to: file, chunk: 1 << 20)
      let written = Clock.monotonic - start
      try systemCall(SyscallNumber.fdatasync, Int(file.number))
      return (written, Clock.monotonic - start)
    }
  }

  /// The same past the page cache, 16 MiB at a time, until all is on disk.
  ///
  /// - Returns: `nil` where the file system has no O_DIRECT.
  func writeDirectly(_ byteCount: UInt64) throws(BenchFailure) -> UInt64? {
    try onFreshFile { () throws(Errno) -> UInt64? in
      let start = Clock.monotonic
      guard
        let file = try? HostFiles.open(
          file, .writeOnly | .create | .truncate | .direct, mode: 0o600)
      else { return nil }
      try writeAll(roundedUpToPage(byteCount), to: file, chunk: 16 << 20)
      try systemCall(SyscallNumber.fdatasync, Int(file.number))
      return Clock.monotonic - start
    }
  }

  /// Writes a file and removes it: then the page cache has memory for one of that size.
  func warmPageCache(_ byteCount: UInt64) throws(BenchFailure) {
    try onFreshFile { () throws(Errno) in
      let file = try HostFiles.open(
        file, .writeOnly | .create | .truncate, mode: 0o600)
      try writeAll(byteCount, to: file, chunk: 1 << 20)
    }
  }

  private func onFreshFile<R>(_ body: () throws(Errno) -> R) throws(BenchFailure) -> R {
    scratch.remove("plain")
    scratch.place.settle()
    defer { scratch.remove("plain") }
    do throws(Errno) { return try body() } catch {
      throw BenchFailure("cannot write \(file) (errno \(error.rawValue))")
    }
  }

  private func writeAll(
    _ byteCount: UInt64, to file: borrowing FileDescriptor, chunk: UInt64
  ) throws(Errno) {
    var done: UInt64 = 0
    while done < byteCount {
      let place = done % LargeBuffer.byteCount
      let count = min(chunk, byteCount - done, LargeBuffer.byteCount - place)
      try file.writeFully(from: source.range.start + place, byteCount: count)
      done += count
    }
  }

  /// Reads a file by read(2), 1 MiB at a time, into fresh memory of small pages.
  static func read(_ path: String) throws(BenchFailure) -> UInt64 {
    do throws(Errno) {
      let byteCount = try HostFiles.facts(of: path).byteCount
      let start = Clock.monotonic
      let file = try HostFiles.open(path, .readOnly)
      let memory = try Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous)
      guard let range = AddressRange(start: memory, byteCount: byteCount) else { throw .outOfRange }
      try Mapping.advise(range, Advice.noHugePage)
      var done: UInt64 = 0
      while done < byteCount {
        let count = try file.read(
          to: memory + done, byteCount: min(1 << 20, byteCount - done))
        guard count > 0 else { break }
        done += count
      }
      let time = Clock.monotonic - start
      try Mapping.unmap(range)
      return time
    } catch {
      throw BenchFailure("cannot read \(path) (errno \(error.rawValue))")
    }
  }

  /// Copies memory that is in place.
  ///
  /// - Returns: the time for so many bytes, from that of 256 MiB.
  func copy(_ byteCount: UInt64) -> UInt64 {
    let start = Clock.monotonic
    Memory.copy(from: source.range.start, to: target.range.start, byteCount: LargeBuffer.byteCount)
    return (Clock.monotonic - start) * (byteCount >> 20) / (LargeBuffer.byteCount >> 20)
  }

  /// Takes so much memory from the kernel in huge pages, touches it and gives it back.
  static func warmMemory(_ byteCount: UInt64) {
    let byteCount = byteCount + byteCount / 16
    guard let start = try? Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous),
      let range = AddressRange(start: start, byteCount: byteCount)
    else { return }
    try? Mapping.advise(range, Advice.hugePage)
    try? Mapping.advise(range, Advice.populateWrite)
    try? Mapping.unmap(range)
  }
}
