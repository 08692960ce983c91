internal import CImage
internal import Kernel
internal import KernelABI

/// The detail of a file, with its sizes checked.
struct FileDetail: BitwiseCopyable {
  let common: ckpt_file_common
  private let record: Address

  /// - Returns: `nil` when its sizes contradict each other.
  init?(_ file: ckpt_file, _ image: LoadedImage) {
    self.init(file, at: image.address(of: file.detail))
  }

  /// - Parameter start: where the detail lies in memory.
  init?(_ file: ckpt_file, at start: Address) {
    let header = UInt64(MemoryLayout<ckpt_file_common>.size)
    let byteCount = UInt64(file.detail.byte_count)
    guard byteCount >= header else { return nil }
    common = Memory.load(at: start)
    record = start + header
    let locks = UInt64(common.lock_count) * UInt64(MemoryLayout<ckpt_file_lock>.size)
    guard header + UInt64(common.kind_bytes) + locks <= byteCount else { return nil }
  }

  /// The kind's record, `nil` when there is too little.
  func record<T: BitwiseCopyable>(_ type: T.Type = T.self) -> T? {
    guard Int(common.kind_bytes) >= MemoryLayout<T>.size else { return nil }
    return Memory.load(at: record)
  }

  /// What follows `skipped` bytes of the kind's record, as an array.
  func array<T: BitwiseCopyable>(after skipped: Int, of type: T.Type = T.self) -> Records<T> {
    let room = max(Int(common.kind_bytes) - skipped, 0)
    return Records(at: record + UInt64(skipped), count: room / MemoryLayout<T>.size)
  }

  var locks: Records<ckpt_file_lock> {
    Records(at: record + UInt64(common.kind_bytes), count: Int(common.lock_count))
  }
}

extension FileRestoreContext {
  func detail(_ index: Int) throws(RestartFailure) -> FileDetail {
    guard let detail = FileDetail(image.files[index], image) else { throw damaged(index) }
    return detail
  }

  func record<T: BitwiseCopyable>(
    _ index: Int, _ type: T.Type = T.self
  ) throws(RestartFailure) -> T {
    guard let record = try detail(index).record(T.self) else { throw damaged(index) }
    return record
  }
}
