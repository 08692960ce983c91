/// What is measured, and with what.
struct BenchOptions {
  /// The folder that holds libckpt.so, ckpt and restart.
  var programs = "build"
  var victim = ".build/victim/release/ckpt-bench-victim"

  /// Gets the table, the figures and the plots.
  var output = ".build/bench"

  /// Where images are written meanwhile; `nil`: in a folder in `output`.
  var folder: String?

  /// Bytes of the victims.
  var sizes: [UInt64] = [16 << 20, 256 << 20, 1 << 30, 4 << 30, 8 << 30]
  var threads: [UInt64] = [1, 10, 100, 1000]

  /// `nil`: more of the small sizes than of the large ones.
  var repetitions: Int?
  var sections = Set(Section.allCases)
  var isQuick = false

  static let usage = """
    usage: ckpt-bench [--quick] [--sizes 16M,1G,4G] [--repetitions N] [--threads 1,1000]
                      [--only \(Section.allCases.map(\.rawValue).joined(separator: ","))]
                      [--output FOLDER] [--folder FOLDER] [--programs FOLDER] [--victim FILE]
    Measures ckpt against what the machine can do; docs/PERFORMANCE.md explains the figures.
      --quick          a minute: small sizes, few rounds
      --sizes          memory of the programs that are saved, 1M to 64G
      --repetitions    rounds of each measurement, 1 to 1000
      --threads        numbers of threads to stop, 1 to 10000
      --only           parts of the run
      --output         folder for the table, the figures and the plots (.build/bench)
      --folder         folder for images meanwhile, on the file system to measure

    """

  init(_ words: [String]) throws(BenchFailure) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--help" { throw BenchFailure(Self.usage) }
      if word == "--quick" {
        isQuick = true
        continue
      }
      guard let value = rest.popFirst() else { throw BenchFailure(Self.usage) }
      switch word {
      case "--sizes": sizes = try Self.list(value, Self.size)
      case "--threads": threads = try Self.list(value) { Self.number($0, 1...10_000) }
      case "--repetitions": repetitions = try Int(Self.one(value, 1...1000))
      case "--only": sections = Set(try Self.list(value) { Section(rawValue: $0) })
      case "--output": output = value
      case "--folder": folder = value
      case "--programs": programs = value
      case "--victim": victim = value
      default: throw BenchFailure(Self.usage)
      }
    }
    if isQuick && !words.contains("--sizes") { sizes = [16 << 20, 256 << 20] }
    if isQuick && !words.contains("--threads") { threads = [1, 100] }
  }

  private static func one(_ text: String, _ range: ClosedRange<UInt64>) throws(BenchFailure)
    -> UInt64
  {
    guard let number = number(text, range) else { throw BenchFailure(usage) }
    return number
  }

  private static func number(_ text: String, _ range: ClosedRange<UInt64>) -> UInt64? {
    UInt64(text).flatMap { range.contains($0) ? $0 : nil }
  }

  private static func size(_ text: String) -> UInt64? {
    let shift: UInt64 = text.hasSuffix("G") ? 30 : 20
    guard text.hasSuffix("G") || text.hasSuffix("M") else { return nil }
    return number(String(text.dropLast()), 1...(64 << 30) >> shift).map { $0 << shift }
  }

  private static func list<T>(
    _ text: String, _ element: (String) -> T?
  ) throws(BenchFailure) -> [T] {
    var result: [T] = []
    for word in text.split(separator: ",") {
      guard let value = element(String(word)) else { throw BenchFailure(usage) }
      result.append(value)
    }
    return result
  }

  // MARK: How often

  func rounds(_ size: UInt64) -> Int {
    if let repetitions { return repetitions }
    if isQuick { return 2 }
    return size <= 64 << 20 ? 9 : size <= 1 << 30 ? 5 : size <= 4 << 30 ? 3 : 1
  }

  func peerRounds(_ size: UInt64) -> Int { min(rounds(size), size <= 1 << 30 ? 3 : 1) }
  var startRounds: Int { isQuick ? 5 : 30 }
  var choreRounds: Int { isQuick ? 3 : 20 }
  var threadRounds: Int { repetitions ?? (isQuick ? 2 : 9) }
}
