public import KernelABI

/// Unpacks blocks of LZ4: literals, and repetitions of what was unpacked before.
///
/// Source: doc/lz4_Block_format.md of https://github.com/lz4/lz4.
public enum LZ4Block {
  /// Brings back what was packed, or copies what was not.
  ///
  /// Whatever the block says, nothing is read outside of it or written outside of the room.
  ///
  /// - Parameters:
  ///   - isPacked: false when the block is the bytes as they are.
  ///   - output: where `capacity` bytes may be written.
  /// - Returns: how many bytes that made; `nil`: this is no such block, or there is no room for it.
  public static func unpack(
    _ block: RawSpan, isPacked: Bool, to output: Address, capacity: Int
  ) -> Int? {
    unsafe block.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress,
        let room = unsafe UnsafeMutableRawPointer(bitPattern: UInt(output.rawValue))
      else { return nil }
      var state = unsafe Unpacking(input: start, count: bytes.count, output: room, capacity)
      if isPacked { return unsafe state.run() }
      return unsafe state.copy(bytes.count) ? bytes.count : nil
    }
  }
}

/// How far a block is unpacked.
///
/// `at` never exceeds `count` nor `made` `capacity`: each step is compared with what is left first.
@unsafe private struct Unpacking {
  private let input: UnsafeRawPointer
  private let count: Int
  private let output: UnsafeMutableRawPointer
  private let capacity: Int
  private var at = 0
  private var made = 0

  init(input: UnsafeRawPointer, count: Int, output: UnsafeMutableRawPointer, _ capacity: Int) {
    unsafe self.input = unsafe input
    unsafe self.count = count
    unsafe self.output = unsafe output
    unsafe self.capacity = capacity
  }

  /// A block ends with literals.
  mutating func run() -> Int? {
    while unsafe at < count {
      let token = unsafe Int(input.load(fromByteOffset: at, as: UInt8.self))
      unsafe at += 1
      guard let literals = unsafe length(token >> 4), unsafe copy(literals) else { return nil }
      if unsafe at == count { return unsafe made }
      guard unsafe count - at >= 2 else { return nil }
      let offset = unsafe Int(input.loadUnaligned(fromByteOffset: at, as: UInt16.self))
      unsafe at += 2
      guard let length = unsafe length(token & 15), unsafe repeats(length + 4, from: offset) else {
        return nil
      }
    }
    return nil
  }

  /// Four bits, and more bytes when they are all set.
  private mutating func length(_ bits: Int) -> Int? {
    var length = bits
    guard bits == 15 else { return length }
    while unsafe at < count {
      let more = unsafe Int(input.load(fromByteOffset: at, as: UInt8.self))
      unsafe at += 1
      length += more
      if more < 255 { return length }
    }
    return nil
  }

  /// Takes literals; sixteen bytes at once where that many may be touched.
  mutating func copy(_ length: Int) -> Bool {
    guard unsafe length <= count - at && length <= capacity - made else { return false }
    if unsafe length <= 16 && count - at >= 16 && capacity - made >= 16 {
      unsafe copyWord(input + at, made)
      unsafe copyWord(input + at + 8, made + 8)
    } else if length > 0 {
      unsafe (output + made).copyMemory(from: input + at, byteCount: length)
    }
    unsafe at += length
    unsafe made += length
    return true
  }

  /// Repeats what was made `offset` bytes before; the copy may overlap what it copies.
  private mutating func repeats(_ length: Int, from offset: Int) -> Bool {
    guard unsafe offset > 0 && offset <= made && length <= capacity - made else { return false }
    let end = unsafe made + length
    // What repeats every `offset` bytes repeats every `distance` bytes as well.
    let distance = offset >= 8 ? offset : offset * ((7 + offset) / offset)
    if offset < 8 {
      let first = unsafe min(end, made + distance)
      while unsafe made < first { unsafe copyByte(from: offset) }
    }
    let last = unsafe min(end, capacity - 7)
    while unsafe made < last {
      unsafe copyWord(output + (made - distance), made)
      unsafe made += 8
    }
    unsafe made = unsafe min(made, end)
    while unsafe made < end { unsafe copyByte(from: offset) }
    return true
  }

  private mutating func copyByte(from offset: Int) {
    let byte = unsafe output.load(fromByteOffset: made - offset, as: UInt8.self)
    unsafe output.storeBytes(of: byte, toByteOffset: made, as: UInt8.self)
    unsafe made += 1
  }

  @inline(__always)
  private func copyWord(_ source: UnsafeRawPointer, _ place: Int) {
    let word = unsafe source.loadUnaligned(as: UInt64.self)
    unsafe output.storeBytes(of: word, toByteOffset: place, as: UInt64.self)
  }
}
