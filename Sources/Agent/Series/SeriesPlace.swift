internal import Kernel
internal import KernelABI

/// The directory of a series, and the names in it that begin as its images' do.
struct SeriesPlace: ~Copyable {
  /// Up to and with the last `/`; the rest of the path is what names begin with.
  private let constant: ImagePath
  private var names: DirectoryNames

  /// A name, and what follows in it behind the part that all have.
  struct Name: BitwiseCopyable {
    var address: Address
    var byteCount: UInt64
    var rest: Address
    var restByteCount: UInt64
  }

  /// - Parameter scratch: some KiB stay taken for as long as this is used.
  /// - Returns: `nil` when the images may lie in different directories.
  init?(
    _ pattern: ImagePattern, _ configuration: borrowing Configuration,
    _ fields: ImagePattern.Fields, _ scratch: inout Arena
  ) throws(Errno) {
    var constant = try ImagePath(in: &scratch)
    try pattern.put(.constant, of: configuration, fields, into: &constant)
    var whole = try ImagePath(in: &scratch)
    try pattern.put(.whole, of: configuration, fields, into: &whole)
    guard whole.directoryByteCount == constant.directoryByteCount else { return nil }
    // Cut off behind the last `/`, the path of an image is that of its directory.
    whole.truncate(to: whole.directoryByteCount)
    if whole.byteCount == 0 { try whole.append(".") }
    let buffer = try scratch.reserve(DirectoryNames.bufferByteCount)
    names = try DirectoryNames(path: whole.address, buffer: buffer)
    self.constant = constant
  }

  var descriptorNumber: Int32 { names.descriptorNumber }

  /// The next name that begins as those of the series do; good until the next call.
  mutating func next() throws(Errno) -> Name? {
    while let (address, byteCount) = try names.next() {
      let skipped = constant.nameByteCount
      guard byteCount > skipped, isSame(address, constant.nameAddress, skipped) else { continue }
      return Name(
        address: address, byteCount: byteCount, rest: address + skipped,
        restByteCount: byteCount - skipped)
    }
    return nil
  }
}

/// Whether two stretches of memory hold the same bytes.
func isSame(_ one: Address, _ other: Address, _ byteCount: UInt64) -> Bool {
  for offset in 0..<byteCount
  where Memory.load(UInt8.self, at: one + offset) != Memory.load(UInt8.self, at: other + offset) {
    return false
  }
  return true
}
