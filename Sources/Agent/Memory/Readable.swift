internal import CImage
internal import Kernel
internal import KernelABI

/// A region that can be read for as long as this lives; its own protection comes back after.
///
/// For PROT_NONE and execute-only regions that hold data. The other threads stand still, so none
/// of them sees it.
struct Readable: ~Copyable {
  private let range: AddressRange
  private let protection: Protection
  private let isChanged: Bool

  init(_ region: ckpt_region) throws(Errno) {
    range = region.range
    protection = Protection(rawValue: Int32(bitPattern: region.protection))
    isChanged = !protection.contains(.read)
    if isChanged { try Mapping.protect(range, protection | .read) }
  }

  deinit {
    if isChanged { _ = try? Mapping.protect(range, protection) }
  }
}

extension ckpt_region {
  /// Where the region lies; the kernel's region lists never wrap.
  var range: AddressRange {
    AddressRange(start: start, end: end) ?? .empty
  }
}

extension ckpt_run {
  var range: AddressRange {
    AddressRange(start: Address(address), byteCount: byte_count)
      ?? .empty
  }
}
