internal import Kernel
internal import KernelABI

/// Clears the descriptor table for the program's numbers.
enum FreeNumbers {
  /// Moves what `own` lists to `first` and above and closes all else but 0, 1 and 2, which stay
  /// until they are replaced.
  static func make(
    from first: Int32, keeping own: inout RestartDescriptors
  ) throws(RestartFailure) {
    do throws(Errno) {
      for index in 0..<own.sources.count {
        let moved = try move(own.sources[index].descriptor, above: first)
        own.sources.update(index) { $0.descriptor = moved }
      }
      own.status = try move(own.status, above: first)
      own.channel = try move(own.channel, above: first)
      own.training = try move(own.training, above: first)
      own.executable = try move(own.executable, above: first)
      own.errors =
        own.errors >= 0
        ? try move(own.errors, above: first)
        : (try? Descriptors.duplicate(2, atLeast: first)) ?? -1
      try closeOthers(own)
    } catch {
      throw RestartFailure(.failed, "cannot make room for the descriptors", errno: error)
    }
  }

  private static func move(_ number: Int32, above first: Int32) throws(Errno) -> Int32 {
    guard number >= 0, number < first else { return number }
    let moved = try Descriptors.duplicate(number, atLeast: first)
    closeDescriptor(number)
    return moved
  }

  private static func closeOthers(_ own: RestartDescriptors) throws(Errno) {
    var next: UInt32 = 3
    while let kept = lowest(of: own, from: next) {
      if kept > next { try Descriptors.close(next, through: kept - 1) }
      next = kept + 1
    }
    try Descriptors.close(next, through: .max)
  }

  private static func lowest(of own: RestartDescriptors, from first: UInt32) -> UInt32? {
    var best: UInt32?
    for index in 0..<own.count where own[index] >= 0 && UInt32(own[index]) >= first {
      best = min(best ?? .max, UInt32(own[index]))
    }
    return best
  }
}
