internal import CImage

extension ImageDigests {
  /// The digest of the header's bytes; it has no padding, so all of them are defined.
  static func digest(of header: ckpt_digest_header) -> UInt64 {
    unsafe withUnsafeBytes(of: header) { unsafe XXH3.digest($0.bytes) }
  }
}
