/// What `ckpt save --json` says.
struct SaveReport {
  let byteCount: UInt64

  /// Nanoseconds until the image was safe, by the agent's clock.
  let duration: UInt64

  /// - Throws: with the text itself when it is no such report.
  init(json: String) throws(BenchFailure) {
    func number(_ key: String) -> UInt64? {
      let lines = json.filter { $0 != " " }.split(separator: "\n")
      let line = lines.first { $0.hasPrefix("\"\(key)\":") }
      return line.flatMap { UInt64($0.filter(\.isNumber)) }
    }
    guard let bytes = number("bytes"), let duration = number("duration_ns") else {
      throw BenchFailure("ckpt save: \(json)")
    }
    byteCount = bytes
    self.duration = duration
  }
}
