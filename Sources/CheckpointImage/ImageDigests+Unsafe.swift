internal import CImage

extension ImageDigests {
  /// What `table_digest` has to be: the digest of header and block digests, with that field 0.
  ///
  /// The header is one stripe of XXH3, so the table need not be written to. The copy of it has no
  /// padding: all of its bytes are defined.
  static func tableDigest(_ table: RawSpan, _ header: ckpt_digest_header) -> UInt64 {
    var header = header
    header.table_digest = 0
    return unsafe withUnsafeBytes(of: header) { unsafe XXH3.digest($0.bytes, then: table) }
  }
}
