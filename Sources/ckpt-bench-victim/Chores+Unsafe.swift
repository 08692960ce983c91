internal import BenchBoard
internal import CLibrary
internal import Kernel
internal import KernelABI

extension Victim {
  /// Does one of the small things so many times, by the functions of the C library.
  func perform(_ chore: Chore, times: UInt64) {
    switch chore {
    case .getpid: for _ in 0..<times { _ = getpid() }
    case .read: readOften(times)
    case .clockGettime: lookOften(times)
    case .malloc: allocateOften(times)
    case .open: openOften(times)
    case .pipe: pipeOften(times)
    case .thread: startOften(times)
    case .fork: forkOften(times)
    }
  }

  /// One byte of /dev/zero at a time.
  private func readOften(_ times: UInt64) {
    let path: StaticString = "/dev/zero"
    let file = unsafe clibrary_open(path.utf8Start, O_RDONLY)
    var byte: UInt8 = 0
    for _ in 0..<times { unsafe read(file, &byte, 1) }
    close(file)
  }

  private func lookOften(_ times: UInt64) {
    var now = timespec()
    for _ in 0..<times { unsafe clock_gettime(CLOCK_MONOTONIC, &now) }
  }

  /// Blocks of 16 to 2,000 bytes, of which 64 are held at any time.
  private func allocateOften(_ times: UInt64) {
    var held = InlineArray<64, UInt>(repeating: 0)
    for turn in 0..<times {
      let index = Int(turn % 64)
      unsafe free(UnsafeMutableRawPointer(bitPattern: held[index]))
      held[index] = unsafe UInt(bitPattern: malloc(Int(16 + turn * 37 % 1985)))
    }
    for index in 0..<64 { unsafe free(UnsafeMutableRawPointer(bitPattern: held[index])) }
  }

  private func openOften(_ times: UInt64) {
    let path: StaticString = "/dev/null"
    for _ in 0..<times { close(unsafe clibrary_open(path.utf8Start, O_RDONLY)) }
  }

  /// Makes one, sends a byte through it, and closes it.
  private func pipeOften(_ times: UInt64) {
    for _ in 0..<times {
      var ends = InlineArray<2, Int32>(repeating: -1)
      var byte: UInt8 = 1
      unsafe withUnsafeMutableBytes(of: &ends) { bytes in
        guard let start = bytes.baseAddress else { return }
        _ = unsafe pipe(start.assumingMemoryBound(to: Int32.self))
      }
      unsafe write(ends[1], &byte, 1)
      unsafe read(ends[0], &byte, 1)
      close(ends[0])
      close(ends[1])
    }
  }

  /// A thread that ends at once, and waiting for it.
  private func startOften(_ times: UInt64) {
    for _ in 0..<times {
      var thread = pthread_t()
      guard unsafe pthread_create(&thread, nil, { argument in unsafe argument }, nil) == 0 else {
        continue
      }
      pthread_join(thread, nil)
    }
  }

  /// A child that ends at once, and waiting for it.
  private func forkOften(_ times: UInt64) {
    for _ in 0..<times {
      let child = CLibrary.fork()
      if child == 0 { _exit(0) }
      if child > 0 { waitpid(child, nil, 0) }
    }
  }
}
