internal import CImage
internal import Kernel
internal import KernelABI

/// `CKPT_FILE` with what its `%` fields stand for.
///
/// In a series a name without a number gets one: `.%c` behind it.
struct ImagePattern: BitwiseCopyable {
  /// What the fields stand for.
  struct Fields: BitwiseCopyable {
    var process: UInt64

    /// Nanoseconds since 1970.
    var realtime: UInt64
    var counter: UInt64

    /// The program's name.
    var name: Address
    var nameByteCount: UInt64
  }

  /// How much of a name is meant.
  enum Extent {
    case whole

    /// Up to the first field that differs from image to image, `%c` or `%t`.
    case constant

    /// Without the number that was added.
    case link
  }

  /// Whether there is a field for the counter, and for the time.
  let hasNumber: Bool
  let hasTime: Bool

  /// Whether `.%c` is added.
  let isExtended: Bool

  init(_ configuration: borrowing Configuration) {
    var hasNumber = false
    var hasTime = false
    var index = 0
    while index + 1 < configuration.fileByteCount {
      if configuration.file[index] == Self.percent {
        index += 1
        if configuration.file[index] == Self.numberField { hasNumber = true }
        if configuration.file[index] == Self.timeField { hasTime = true }
      }
      index += 1
    }
    self.hasNumber = hasNumber
    self.hasTime = hasTime
    let isSeries = configuration.isSeries
    isExtended = isSeries && !hasNumber && !hasTime
    replaces = !isSeries && !hasNumber
  }

  /// Whether every image has a name of its own by its number.
  var isNumbered: Bool { hasNumber || isExtended }

  /// Whether a new image takes the place of the last one.
  let replaces: Bool

  private static let percent: UInt8 = 0x25
  private static let numberField: UInt8 = 0x63  // c
  private static let timeField: UInt8 = 0x74  // t

  /// Appends the name of an image to a path.
  ///
  /// - Throws: `nameTooLong`.
  func put(
    _ extent: Extent, of configuration: borrowing Configuration, _ fields: Fields,
    into path: inout ImagePath
  ) throws(Errno) {
    if configuration.fileByteCount == 0 { try path.append("myckpt") }
    var index = 0
    while index < configuration.fileByteCount {
      let byte = configuration.file[index]
      index += 1
      guard byte == Self.percent, index < configuration.fileByteCount else {
        try path.append(byte)
        continue
      }
      let field = configuration.file[index]
      index += 1
      if extent == .constant, field == Self.numberField || field == Self.timeField { return }
      try Self.put(field, fields, into: &path)
    }
    guard isExtended, extent != .link else { return }
    try path.append(".")
    if extent == .whole { try path.append(decimal: fields.counter) }
  }

  private static func put(
    _ field: UInt8, _ fields: Fields, into path: inout ImagePath
  ) throws(Errno) {
    switch field {
    case 0x70: try path.append(decimal: fields.process)  // p
    case timeField: try path.append(decimal: fields.realtime / 1_000_000_000)
    case numberField: try path.append(decimal: fields.counter)
    case 0x6E: try putName(fields, into: &path)  // n
    case percent: try path.append(percent)
    default:
      try path.append(percent)
      try path.append(field)
    }
  }

  /// The program's name; a `/` in it would lead elsewhere.
  private static func putName(_ fields: Fields, into path: inout ImagePath) throws(Errno) {
    for offset in 0..<fields.nameByteCount {
      let byte = Memory.load(UInt8.self, at: fields.name + offset)
      try path.append(byte == 0x2F ? 0x5F : byte)
    }
  }
}

extension ImagePattern.Fields {
  /// Those of the image that is being made.
  init(_ draft: ImageDraft) {
    let name = draft.process.name
    self.init(
      process: UInt64(draft.process.pid), realtime: draft.image.realtime,
      counter: UInt64(draft.image.counter), name: draft.strings.base + UInt64(name.offset),
      nameByteCount: UInt64(name.byte_count))
  }
}
