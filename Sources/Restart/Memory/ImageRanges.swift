internal import CImage
internal import KernelABI

extension ckpt_region {
  /// Where the region lies; the reader of the head checked that it doesn't wrap.
  var range: AddressRange { AddressRange(start: start, end: end) ?? .empty }

  var finalProtection: Protection { Protection(rawValue: Int32(bitPattern: protection & 7)) }

  /// Whether any of these flags is set.
  func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

  /// Whether the kernel makes the region's contents, not the image.
  var isKernelMapping: Bool {
    kind == CKPT_REGION_VDSO || kind == CKPT_REGION_VVAR || kind == CKPT_REGION_VSYSCALL
  }
}

extension ckpt_run {
  var range: AddressRange {
    AddressRange(start: Address(address), byteCount: byte_count) ?? .empty
  }

  /// Whether the process itself wrote these bytes; else they are those of the mapped file.
  var isOwn: Bool { flags & CKPT_RUN_CLEAN == 0 }
}
