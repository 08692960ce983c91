internal import CImage
internal import Kernel
internal import KernelABI

/// A path in the agent's scratch memory, NUL-terminated.
struct ImagePath: BitwiseCopyable {
  /// PATH_MAX of `include/uapi/linux/limits.h`, with the NUL.
  static let capacity: UInt64 = 4096

  let address: Address
  private(set) var byteCount: UInt64 = 0

  init(in arena: inout Arena) throws(Errno) {
    address = try arena.reserve(Self.capacity)
    Memory.store(UInt8(0), at: address)
  }

  mutating func append(_ byte: UInt8) throws(Errno) {
    guard byteCount + 1 < Self.capacity else { throw .nameTooLong }
    Memory.store(byte, at: address + byteCount)
    byteCount += 1
    Memory.store(UInt8(0), at: address + byteCount)
  }

  mutating func append(from source: Address, byteCount count: UInt64) throws(Errno) {
    for offset in 0..<count { try append(Memory.load(UInt8.self, at: source + offset)) }
  }

  /// Puts other bytes in place of all from `offset` on.
  ///
  /// - Precondition: `offset` is at most `byteCount`.
  mutating func replace(
    from offset: UInt64, with source: Address, byteCount count: UInt64
  ) throws(Errno) {
    byteCount = offset
    Memory.store(UInt8(0), at: address + offset)
    try append(from: source, byteCount: count)
  }

  mutating func append(_ text: StaticString) throws(Errno) {
    try append(from: text.address, byteCount: UInt64(text.utf8CodeUnitCount))
  }

  mutating func append(decimal value: UInt64) throws(Errno) {
    if value >= 10 { try append(decimal: value / 10) }
    try append(0x30 + UInt8(truncatingIfNeeded: value % 10))
  }

  /// Appends a pattern such as `CKPT_FILE` has, its `%` fields replaced.
  mutating func append(
    pattern: borrowing Configuration, survey: Survey
  ) throws(Errno) {
    guard pattern.fileByteCount > 0 else { return try append("myckpt") }
    var index = 0
    while index < pattern.fileByteCount {
      let byte = pattern.file[index]
      index += 1
      guard byte == 0x25, index < pattern.fileByteCount else {
        try append(byte)
        continue
      }
      try append(field: pattern.file[index], survey)
      index += 1
    }
  }

  private mutating func append(field: UInt8, _ survey: Survey) throws(Errno) {
    switch field {
    case 0x70: try append(decimal: UInt64(survey.process.pid))  // p
    case 0x74: try append(decimal: survey.image.realtime / 1_000_000_000)  // t
    case 0x63: try append(decimal: UInt64(survey.image.counter))  // c
    case 0x6E: try appendName(survey)  // n
    case 0x25: try append(0x25)
    default:
      try append(0x25)
      try append(field)
    }
  }

  /// The program's name; a `/` in it would lead elsewhere.
  private mutating func appendName(_ survey: Survey) throws(Errno) {
    let name = survey.process.name
    for offset in 0..<UInt64(name.byte_count) {
      let byte = Memory.load(UInt8.self, at: survey.strings.base + UInt64(name.offset) + offset)
      try append(byte == 0x2F ? 0x5F : byte)
    }
  }

  /// Bytes up to and with the last `/`, 0 when there is none.
  var directoryByteCount: UInt64 {
    var offset = byteCount
    while offset > 0 {
      if Memory.load(UInt8.self, at: address + (offset - 1)) == 0x2F { return offset }
      offset -= 1
    }
    return 0
  }
}
