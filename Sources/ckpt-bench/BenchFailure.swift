/// Why a measurement can't be made.
struct BenchFailure: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}
