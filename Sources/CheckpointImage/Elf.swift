/// The ELF structures of an image, read field by field.
///
/// Source: elf(5), `include/uapi/linux/elf.h`; all of ELF64, little-endian.
enum Elf {
  static let magic: UInt32 = 0x464c_457f  // "\x7fELF"

  /// ELFCLASS64, ELFDATA2LSB, EV_CURRENT.
  static let classDataVersion: UInt32 = 0x01_0102
  static let executableType: UInt16 = 2  // ET_EXEC
  static let coreType: UInt16 = 4  // ET_CORE
  static let machine: UInt16 = 62  // EM_X86_64
  static let headerByteCount = 64
  static let segmentByteCount = 56
  static let sectionByteCount = 64

  /// PN_XNUM: the real count does not fit 16 bits and is in `sh_info` of section 0.
  static let countElsewhere: UInt16 = 0xffff
  static let loadSegment: UInt32 = 1  // PT_LOAD
  static let noteSegment: UInt32 = 4  // PT_NOTE
}

/// `Elf64_Ehdr`, the fields that an image uses.
struct ElfHeader: BitwiseCopyable {
  var magic: UInt32
  var classDataVersion: UInt32
  var type: UInt16
  var machine: UInt16
  var version: UInt32
  var segmentsOffset: UInt64
  var sectionsOffset: UInt64
  var headerByteCount: UInt16
  var segmentByteCount: UInt16
  var segmentCount: UInt16
  var sectionByteCount: UInt16
  var sectionCount: UInt16
  var sectionNamesIndex: UInt16

  /// - Precondition: `bytes` has at least 64 bytes.
  init(_ bytes: RawSpan) {
    magic = bytes.loadUnaligned(at: 0)
    classDataVersion = bytes.loadUnaligned(at: 4) & 0xff_ffff
    type = bytes.loadUnaligned(at: 16)
    machine = bytes.loadUnaligned(at: 18)
    version = bytes.loadUnaligned(at: 20)
    segmentsOffset = bytes.loadUnaligned(at: 32)
    sectionsOffset = bytes.loadUnaligned(at: 40)
    headerByteCount = bytes.loadUnaligned(at: 52)
    segmentByteCount = bytes.loadUnaligned(at: 54)
    segmentCount = bytes.loadUnaligned(at: 56)
    sectionByteCount = bytes.loadUnaligned(at: 58)
    sectionCount = bytes.loadUnaligned(at: 60)
    sectionNamesIndex = bytes.loadUnaligned(at: 62)
  }
}

/// `Elf64_Phdr`.
struct ElfSegment: BitwiseCopyable {
  var type: UInt32
  var flags: UInt32
  var offset: UInt64
  var address: UInt64
  var fileByteCount: UInt64
  var memoryByteCount: UInt64
  var alignment: UInt64

  /// - Precondition: `bytes` has 56 bytes from `offset` on.
  init(_ bytes: RawSpan, at offset: Int) {
    type = bytes.loadUnaligned(at: offset)
    flags = bytes.loadUnaligned(at: offset + 4)
    self.offset = bytes.loadUnaligned(at: offset + 8)
    address = bytes.loadUnaligned(at: offset + 16)
    fileByteCount = bytes.loadUnaligned(at: offset + 32)
    memoryByteCount = bytes.loadUnaligned(at: offset + 40)
    alignment = bytes.loadUnaligned(at: offset + 48)
  }
}
