/// What is measured, and with what.
struct Options {
  /// The folder that holds libckpt.so, ckpt and restart.
  var programs = "build"
  var victim = ".build/victim/release/ckpt-bench-victim"

  /// Made for the measurement and removed after it.
  var disk = ".build/bench"
  var memoryFolder = "/dev/shm/ckpt-bench"

  /// Bytes of the victims.
  var sizes: [UInt64] = [16 << 20, 1 << 30, 4 << 30]

  /// `nil`: more of the small sizes than of the large ones.
  var repetitions: Int?
  var sections = Set(["save", "rest", "start"])

  static let usage = """
    usage: ckpt-bench [--sizes 16M,1G,4G] [--repetitions N] [--only save,rest,start]
                      [--disk FOLDER] [--memory FOLDER] [--programs FOLDER] [--victim FILE]

    """

  init(_ words: [String]) throws(BenchFailure) {
    var rest = words[...]
    while let word = rest.popFirst() {
      guard let value = rest.popFirst() else { throw BenchFailure(Self.usage) }
      switch word {
      case "--sizes": sizes = try Self.sizes(value)
      case "--repetitions": repetitions = Int(value)
      case "--only": sections = Set(value.split(separator: ",").map(String.init))
      case "--disk": disk = value
      case "--memory": memoryFolder = value
      case "--programs": programs = value
      case "--victim": victim = value
      default: throw BenchFailure(Self.usage)
      }
    }
  }

  private static func sizes(_ text: String) throws(BenchFailure) -> [UInt64] {
    var result: [UInt64] = []
    for word in text.split(separator: ",") {
      let shift: UInt64 = word.hasSuffix("G") ? 30 : 20
      guard let number = UInt64(word.dropLast()), number > 0, number < 1 << 20 else {
        throw BenchFailure(usage)
      }
      result.append(number << shift)
    }
    return result
  }

  func repetitions(of size: UInt64) -> Int {
    repetitions ?? (size <= 64 << 20 ? 15 : size <= 1 << 30 ? 7 : 5)
  }
}
