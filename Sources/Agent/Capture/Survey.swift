internal import CImage
internal import Kernel
internal import KernelABI

/// Where the bytes of an extent come from while the image is written.
struct ExtentSource: BitwiseCopyable {
  /// Memory to copy from, or `Address.zero`: then from `descriptor`.
  var memory: Address
  var descriptor: Int32

  /// Bytes from the start of the file behind `descriptor`.
  var offset: UInt64
}

/// Everything a checkpoint found out, in the form that the image's notes have.
///
/// The tables lie in `scratch`, which is no part of the image; what the agent itself needs after a
/// restart lies in `keep`, which is. One survey belongs to one checkpoint.
struct Survey {
  /// Memory that is saved and wakes up with the agent.
  var keep: Arena

  /// Memory that ends with the checkpoint.
  var scratch: Arena

  var strings: ByteTable
  var details: ByteTable
  var threads: Table<ckpt_thread>
  var regions: Table<ckpt_region>
  var runs: Table<ckpt_run>
  var objects: Table<ckpt_object>
  var extents: Table<ckpt_extent>

  /// One for each of `extents`.
  var sources: Table<ExtentSource>

  var files: Table<ckpt_file>
  var descriptors: Table<ckpt_descriptor>

  /// Appends a string to the strings note.
  ///
  /// - Throws: `outOfMemory` when the table is full.
  mutating func string(at address: Address, byteCount: Int) throws(Errno) -> ckpt_string {
    let offset = try strings.append(from: address, byteCount: UInt64(byteCount))
    return ckpt_string(offset: UInt32(offset), byte_count: UInt32(byteCount))
  }

  /// Appends one record to the details note, aligned to 8.
  mutating func detail<T: BitwiseCopyable>(_ record: T) throws(Errno) -> ckpt_detail {
    details.align()
    let size = UInt64(MemoryLayout<T>.size)
    guard details.free >= size else { throw .outOfMemory }
    Memory.store(record, at: details.next)
    return ckpt_detail(offset: UInt32(details.claim(size)), byte_count: UInt32(size))
  }

  /// Adds an extent to the object that was appended last, with where its bytes come from.
  ///
  /// `file_offset` is filled in by the layout.
  mutating func extent(
    offset: UInt64, byteCount: UInt64, from source: ExtentSource
  ) throws(Errno) {
    try extents.append(ckpt_extent(offset: offset, byte_count: byteCount, file_offset: 0))
    try sources.append(source)
    var object = objects[objects.count - 1]
    if object.extent_count == 0 { object.first_extent = UInt64(extents.count - 1) }
    object.extent_count += 1
    objects[objects.count - 1] = object
  }
}
