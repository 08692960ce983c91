internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI
internal import Procfs

/// The clocks that a time namespace shifts.
enum Clocks {
  /// Makes the clocks of the next child go on from those of the image.
  ///
  /// - Precondition: unshare(2) has just made a time namespace, and nobody is in it yet.
  static func shiftForChildren(to image: ckpt_image) throws(Errno) {
    let current = currentOffsets()
    let monotonic = TimeOffset(
      saved: image.monotonic, now: Clock.monotonic, current: current.monotonic)
    let boottime = TimeOffset(
      saved: image.boottime, now: Clock.boottime, current: current.boottime)
    var text = Line()
    text.append("monotonic ")
    text.append(monotonic)
    text.append("\nboottime ")
    text.append(boottime)
    text.append("\n")
    try text.write(toFile: "/proc/self/timens_offsets")
  }

  /// Nanoseconds from the image's CLOCK_MONOTONIC to that of the calling process.
  static func shift(since image: ckpt_image) -> Int64 {
    Int64(truncatingIfNeeded: Clock.monotonic) &- Int64(truncatingIfNeeded: image.monotonic)
  }

  private struct Offsets: BitwiseCopyable {
    var monotonic: Int64 = 0
    var boottime: Int64 = 0
  }

  /// The offsets that this process's clocks contain, ns; 0 where the kernel doesn't tell.
  ///
  /// A new time namespace starts with those of its maker.
  private static func currentOffsets() -> Offsets {
    var text = InlineArray<256, UInt8>(repeating: 0)
    let offsets = try? withAddress(of: &text) { (address) throws(Errno) in
      let file = try FileDescriptor("/proc/self/timens_offsets", .readOnly)
      let count = try file.read(to: address, byteCount: 256)
      return parse(Memory.bytes(at: address, count: Int(count)))
    }
    return offsets ?? Offsets()
  }

  private static func parse(_ text: RawSpan) -> Offsets {
    var offsets = Offsets()
    var cursor = TextCursor(text)
    while !cursor.isAtEnd {
      let isMonotonic = cursor.take("monotonic")
      let isBoottime = !isMonotonic && cursor.take("boottime")
      cursor.skipBlanks()
      let seconds = cursor.signedNumber() ?? 0
      cursor.skipBlanks()
      let value =
        seconds &* TimeOffset.nanosecondsPerSecond
        &+ Int64(truncatingIfNeeded: cursor.number() ?? 0)
      if isMonotonic { offsets.monotonic = value }
      if isBoottime { offsets.boottime = value }
      cursor.skipLine()
    }
    return offsets
  }
}

extension Line {
  mutating func append(_ offset: TimeOffset) {
    append(decimal: offset.seconds)
    append(" ")
    append(decimal: offset.remainder)
  }

  /// Writes the text to an existing file in one call, as files of /proc want it.
  mutating func write(toFile path: StaticString) throws(Errno) {
    let file = try FileDescriptor(path, .writeOnly)
    let count = UInt64(self.count)
    _ = try withPath { (address) throws(Errno) in
      try file.write(from: address, byteCount: count)
    }
  }
}
