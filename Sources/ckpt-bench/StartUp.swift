internal import CheckpointKit
internal import Kernel

/// What the agent adds to the start of a program.
struct StartUp {
  /// Milliseconds from before the start of /bin/true until its end was seen.
  private(set) var without = Series()
  private(set) var with = Series()

  /// System calls from execve(2) to the end, `nil` when strace is missing.
  private(set) var callsWithout: Int?
  private(set) var callsWith: Int?

  private static let program = "/bin/true"

  init(_ options: Options, folder: String, rounds: Int = 600) throws(BenchFailure) {
    let agent = absolutePath("\(options.programs)/libckpt.so")
    for round in 0..<rounds + 20 {
      let plain = try Self.time(preload: nil)
      let loaded = try Self.time(preload: agent)
      // The first ones warm up.
      guard round >= 20 else { continue }
      without.add(plain)
      with.add(loaded)
    }
    callsWithout = Self.calls(folder, [])
    callsWith = Self.calls(folder, ["-E", "LD_PRELOAD=\(agent)"])
  }

  private static func time(preload: String?) throws(BenchFailure) -> Double {
    let start = Clock.monotonic
    try spawn([program], preload: preload).wait()
    return Double(Clock.monotonic - start) / 1e6
  }

  private static func calls(_ folder: String, _ options: [String]) -> Int? {
    let path = "\(folder)/calls"
    defer { _ = try? Files.remove(path) }
    guard let child = try? spawn(["strace", "-o", path] + options + [program]), child.wait() == 0,
      let text = try? Files.text(of: path)
    else { return nil }
    return text.split(separator: "\n").filter { $0.contains("(") }.count
  }
}
