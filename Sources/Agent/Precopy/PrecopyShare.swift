internal import CImage
internal import Kernel
internal import KernelABI

/// Memory that the program and its precopy process share: which pages lie where in the image file.
///
/// A header, a table of regions, then for each page of these regions a word that says where it is in
/// the file, then a digest for each page of the file. Only what is touched takes memory.
struct PrecopyShare: BitwiseCopyable {
  let range: AddressRange

  /// A region that is copied, and the number of its first page.
  struct Region: BitwiseCopyable {
    var start: UInt64
    var end: UInt64
    var firstPage: UInt64
  }

  private static let regionsOffset: UInt64 = 4096
  private static let mapOffset: UInt64 = 64 << 10

  /// Regions beyond this number are not copied ahead.
  static let regionCapacity = Int((mapOffset - regionsOffset) / 24)

  /// No more pages than fit into a word of the map.
  private static let pageLimit: UInt64 = 1 << 30

  /// - Parameter pageCount: of all regions.
  /// - Throws: `outOfMemory`.
  static func map(pageCount: UInt64) throws(Errno) -> PrecopyShare {
    guard pageCount < pageLimit else { throw .outOfMemory }
    let byteCount = roundedUpToPage(mapOffset + pageCount * 4 + 8) + roundedUpToPage(pageCount * 8)
    let start = try Mapping.map(
      byteCount: byteCount, .read | .write, .shared | .anonymous | .noReserve)
    guard let range = AddressRange(start: start, byteCount: byteCount) else { throw .outOfMemory }
    let share = PrecopyShare(range: range)
    share.pageCount = pageCount
    return share
  }

  /// One that was mapped before.
  init(range: AddressRange) { self.range = range }

  // MARK: Header

  private(set) var pageCount: UInt64 {
    get { Memory.load(at: range.start) }
    nonmutating set { Memory.store(newValue, at: range.start) }
  }

  private(set) var regionCount: Int {
    get { Int(Memory.load(UInt64.self, at: range.start + CKPT_AT_PRECOPY_REGION_COUNT)) }
    nonmutating set {
      Memory.store(UInt64(newValue), at: range.start + CKPT_AT_PRECOPY_REGION_COUNT)
    }
  }

  /// Where in the file the pages begin; the head goes before them.
  var dataStart: UInt64 {
    get { Memory.load(at: range.start + CKPT_AT_PRECOPY_DATA_START) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_PRECOPY_DATA_START) }
  }

  /// How many pages the file has.
  private(set) var filePageCount: UInt64 {
    get { Memory.load(at: range.start + CKPT_AT_PRECOPY_FILE_PAGE_COUNT) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_PRECOPY_FILE_PAGE_COUNT) }
  }

  /// The number that the file has in the precopy process.
  var fileNumber: Int32 {
    get { Memory.load(at: range.start + CKPT_AT_PRECOPY_FILE_NUMBER) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_PRECOPY_FILE_NUMBER) }
  }

  /// When it began, by CLOCK_MONOTONIC in nanoseconds.
  var begun: UInt64 {
    get { Memory.load(at: range.start + CKPT_AT_PRECOPY_BEGUN) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_PRECOPY_BEGUN) }
  }

  /// Bytes of memory that the program has, at most: not all of it is copied.
  var residentByteCount: UInt64 {
    get { Memory.load(at: range.start + CKPT_AT_PRECOPY_RESIDENT_BYTES) }
    nonmutating set { Memory.store(newValue, at: range.start + CKPT_AT_PRECOPY_RESIDENT_BYTES) }
  }

  /// Behind the pages.
  var dataEnd: UInt64 { dataStart + filePageCount * pageByteCount }

  // MARK: Regions

  subscript(region index: Int) -> Region {
    Memory.load(at: range.start + Self.regionsOffset + UInt64(index * 24))
  }

  /// - Returns: false when the table is full.
  func append(_ region: Region) -> Bool {
    guard regionCount < Self.regionCapacity else { return false }
    Memory.store(region, at: range.start + Self.regionsOffset + UInt64(regionCount * 24))
    regionCount += 1
    return true
  }

  /// The number of the page at an address, `nil` when it is in no region.
  func page(at address: Address) -> UInt64? {
    var low = 0
    var high = regionCount
    while low < high {
      let middle = (low + high) / 2
      if self[region: middle].end <= address.rawValue { low = middle + 1 } else { high = middle }
    }
    guard low < regionCount, self[region: low].start <= address.rawValue else { return nil }
    let region = self[region: low]
    return region.firstPage + (address.rawValue - region.start) / pageByteCount
  }

  /// Whether all of a range lies in regions.
  func covers(_ wanted: AddressRange) -> Bool {
    var position = wanted.start
    for index in 0..<regionCount where position < wanted.end {
      let region = self[region: index]
      if region.start <= position.rawValue, position.rawValue < region.end {
        position = Address(region.end)
      }
    }
    return position >= wanted.end
  }

  // MARK: Pages

  /// A page that is zero now; it keeps its place in the file.
  private static let isZero: UInt32 = 1 << 31

  private func word(of page: UInt64) -> Address { range.start + Self.mapOffset + page * 4 }

  /// Which page of the file has a page's place, `nil`: it has none.
  func place(of page: UInt64) -> UInt64? {
    let word = Memory.load(UInt32.self, at: word(of: page)) & ~Self.isZero
    return word == 0 ? nil : UInt64(word) - 1
  }

  /// Which page of the file holds a page, `nil`: none, it is zero or not there.
  func holder(of page: UInt64) -> UInt64? {
    let word = Memory.load(UInt32.self, at: word(of: page))
    return word == 0 || word & Self.isZero != 0 ? nil : UInt64(word) - 1
  }

  /// Notes that a page holds nothing.
  func setZero(_ page: UInt64) {
    let word = Memory.load(UInt32.self, at: word(of: page))
    guard word != 0 else { return }
    Memory.store(word | Self.isZero, at: self.word(of: page))
  }

  /// Gives a page that holds something its place, the one it had or a new one.
  func setHeld(_ page: UInt64) -> UInt64 {
    if let place = place(of: page) {
      Memory.store(UInt32(place + 1), at: word(of: page))
      return place
    }
    let place = filePageCount
    filePageCount += 1
    Memory.store(UInt32(place + 1), at: word(of: page))
    return place
  }

  func offset(of filePage: UInt64) -> UInt64 { dataStart + filePage * pageByteCount }

  /// Which page of the file lies at an offset.
  func filePage(at offset: UInt64) -> UInt64 { (offset - dataStart) / pageByteCount }

  /// Where the digest of a page of the file lies.
  func digest(of filePage: UInt64) -> Address {
    range.start + roundedUpToPage(Self.mapOffset + pageCount * 4 + 8) + filePage * 8
  }
}
