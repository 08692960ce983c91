internal import CUnwind

/// An image as libunwind reads it: a core file.
///
/// The pointer is made and freed by libunwind's functions, is never handed out, and all memory that
/// C fills belongs to arrays that outlive the call and have the length it is told.
@safe
final class Core {
  private let core: UnsafeMutablePointer<cunwind_core>

  /// What the image itself does not have; lives as long as the core, which refers to it.
  private let memory: ImageMemory?

  /// `nil` when libunwind does not take the file for a core.
  init?(path: String, _ memory: ImageMemory?) {
    guard let core = unsafe cunwind_open(path) else { return nil }
    unsafe self.core = unsafe core
    self.memory = memory
    guard let memory else { return }
    unsafe cunwind_set_reader(
      core,
      { context, address, value in
        guard let context = unsafe context, let value = unsafe value else { return 0 }
        let memory = unsafe Unmanaged<ImageMemory>.fromOpaque(context).takeUnretainedValue()
        guard let word = memory.word(at: address) else { return 0 }
        unsafe value.pointee = word
        return 1
      }, Unmanaged.passUnretained(memory).toOpaque())
  }

  deinit { unsafe cunwind_close(core) }

  var threadCount: Int { Int(unsafe cunwind_thread_count(core)) }

  /// Makes a thread the one that `trace` walks; gives its TID.
  func select(_ index: Int) -> Int32 { unsafe cunwind_select_thread(core, Int32(index)) }

  /// Where code lies, and its unwind tables.
  func setModules(_ modules: [cunwind_module]) {
    unsafe modules.withUnsafeBufferPointer {
      _ = unsafe cunwind_set_modules(core, $0.baseAddress, UInt64($0.count))
    }
  }

  /// The instruction pointers of the selected thread's calls, innermost first.
  func trace(limit: Int) -> [UInt64] {
    unsafe [UInt64](unsafeUninitializedCapacity: limit) { buffer, count in
      unsafe buffer.initialize(repeating: 0)
      count = Int(unsafe cunwind_trace(core, buffer.baseAddress, UInt64(limit)))
    }
  }

  /// The eight bytes at an address, `nil` where the image has none.
  func word(at address: UInt64) -> UInt64? {
    var word: UInt64 = 0
    return unsafe cunwind_read(core, address, &word) != 0 ? word : nil
  }

  /// Memory of the program, `nil` unless the image has all of it.
  func bytes(at address: UInt64, count: Int) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(count + 8)
    while result.count < count {
      guard let word = word(at: address &+ UInt64(result.count)) else { return nil }
      for shift in 0..<8 { result.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
    }
    result.removeLast(result.count - count)
    return result
  }
}
