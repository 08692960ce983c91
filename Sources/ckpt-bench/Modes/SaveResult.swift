/// What `ckpt save --json` says.
struct SaveResult {
  let byteCount: UInt64

  /// Nanoseconds until the image was safe, and of the pause, by the agent's clock.
  let duration: UInt64
  let pause: UInt64
  let mode: String
  let cause: String
  let isIncremental: Bool
  let isThin: Bool

  /// - Throws: with the text itself when it is no such report.
  init(json: String) throws(BenchFailure) {
    func value(_ key: String) -> String? {
      let lines = json.filter { $0 != " " }.split(separator: "\n")
      let line = lines.first { $0.hasPrefix("\"\(key)\":") }
      return line.map {
        String($0.drop { $0 != ":" }.filter { $0 != ":" && $0 != "," && $0 != "\"" })
      }
    }
    guard let bytes = value("bytes").flatMap({ UInt64($0) }),
      let duration = value("duration_ns").flatMap({ UInt64($0) }),
      let pause = value("pause_ns").flatMap({ UInt64($0) })
    else { throw BenchFailure("ckpt save: \(json)") }
    byteCount = bytes
    self.duration = duration
    self.pause = pause
    mode = value("mode") ?? ""
    cause = value("cause") ?? ""
    isIncremental = value("incremental") == "true"
    isThin = value("thin") == "true"
  }
}
