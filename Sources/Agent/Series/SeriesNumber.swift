internal import CImage
internal import Kernel
internal import KernelABI

/// Which number an image gets: one that is higher than those of all images that are there.
///
/// So an image never takes another's place, not after a restart from an older one either, and a higher
/// number always means a newer image. Stopped-world safe.
enum SeriesNumber {
  /// Numbers beyond are none of ours.
  private static let highest: UInt64 = 1 << 31

  /// - Parameter draft: with `image.counter` the number that comes next.
  /// - Returns: it, or the next one that is free.
  static func next(_ draft: inout ImageDraft) -> UInt32 {
    let configuration = Agent.state.naming
    let pattern = ImagePattern(configuration)
    let number = draft.image.counter
    guard pattern.isNumbered else { return number }
    let mark = draft.scratch.next
    defer { draft.scratch.rewind(to: mark) }
    var fields = ImagePattern.Fields(draft)
    if !Agent.state.knowsNumbers || Agent.state.call.isOn && Agent.state.call.namesPath {
      // The first image since the program started, or was restarted.
      let last = (try? highest(pattern, configuration, fields, &draft.scratch)) ?? 0
      fields.counter = max(fields.counter, last + 1)
      // A call with a path of its own has other names.
      Agent.state.knowsNumbers = !(Agent.state.call.isOn && Agent.state.call.namesPath)
    }
    while isTaken(pattern, configuration, fields, &draft.scratch) { fields.counter += 1 }
    return UInt32(truncatingIfNeeded: fields.counter)
  }

  /// Whether there is something under an image's name already.
  private static func isTaken(
    _ pattern: ImagePattern, _ configuration: borrowing Configuration,
    _ fields: ImagePattern.Fields, _ scratch: inout Arena
  ) -> Bool {
    let mark = scratch.next
    defer { scratch.rewind(to: mark) }
    guard fields.counter < highest, var path = try? ImagePath(in: &scratch),
      (try? pattern.put(.whole, of: configuration, fields, into: &path)) != nil
    else { return false }
    return (try? FileStatus(linkPath: path.address)) != nil
  }

  /// The highest number that a name in the directory has, where an image's has it.
  private static func highest(
    _ pattern: ImagePattern, _ configuration: borrowing Configuration,
    _ fields: ImagePattern.Fields, _ scratch: inout Arena
  ) throws(Errno) -> UInt64 {
    // A time before the number: nothing is known of names but that they differ.
    guard !pattern.hasTime,
      var place = try SeriesPlace(pattern, configuration, fields, &scratch)
    else { return 0 }
    var last: UInt64 = 0
    while let name = try place.next() {
      last = max(last, number(in: name.rest, name.restByteCount) ?? 0)
    }
    return last
  }

  /// The number that a text begins with.
  static func number(in text: Address, _ byteCount: UInt64) -> UInt64? {
    var value: UInt64 = 0
    var offset: UInt64 = 0
    while offset < byteCount {
      let byte = Memory.load(UInt8.self, at: text + offset)
      guard byte >= 0x30, byte <= 0x39 else { break }
      value = value * 10 + UInt64(byte - 0x30)
      guard value < highest else { return nil }
      offset += 1
    }
    return offset > 0 ? value : nil
  }
}
