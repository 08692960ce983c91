internal import CLibrary
internal import Kernel
internal import KernelABI

/// Starts so many threads of the C library that sleep for ever.
///
/// - Throws: what pthread_create(3) reports.
func startThreads(_ count: UInt64) throws(Errno) {
  for _ in 0..<count {
    var thread = pthread_t()
    let result = unsafe pthread_create(&thread, nil, { _ in sleepForever() }, nil)
    guard result == 0 else { throw Errno(rawValue: result) }
  }
}

private func sleepForever() -> Never {
  // pause(2)
  while true { _ = rawSystemCall(34) }
}
