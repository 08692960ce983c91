/// What `ckpt-bench` can ask of its victim.
///
/// Arguments are the board's words `first` and `second`, the answer is `result`.
public enum Command: UInt64, Sendable {
  /// Nothing: wakes a victim that sleeps.
  case wake = 0

  /// Forks a child that ends at once. Answer: nanoseconds that fork(2) took, 0: it failed.
  case fork = 1

  /// Writes a word into pages chosen by chance. `first`: parts of a million; `second`: the seed.
  /// Answer: nanoseconds; then `second` holds how many pages.
  case dirty = 2

  /// Reads a word of every page. Answer: nanoseconds; then `second` holds the sum of the words.
  case readAll = 3

  /// From now on, while spinning, writes to `first` pages a second (0: none) out of the first
  /// `second` of a stride over all of them (0: out of all).
  case keepDirtying = 4

  /// Does `second` times what the `Chore` of number `first` says. Answer: nanoseconds.
  case chore = 5
}

/// Small things that programs do all the time.
public enum Chore: UInt64, Sendable {
  case getpid = 1
  case read = 2
  case clockGettime = 3
  case malloc = 4
  case open = 5
  case pipe = 6
  case thread = 7
  case fork = 8
}
