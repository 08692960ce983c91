internal import CImage
internal import Kernel
internal import KernelABI

/// Where the bytes of an extent come from while the image is written.
struct ExtentSource: BitwiseCopyable {
  /// Memory to copy from; it may be at address 0.
  var memory: Address

  /// A file to copy from, -1: from memory.
  var descriptor: Int32

  /// Bytes from the start of the file behind `descriptor`.
  var offset: UInt64
}

/// Everything a checkpoint found out, in the form that the image's notes have.
///
/// The tables lie in `scratch`, which is no part of the image; what the agent itself needs after a
/// restart lies in `keep`, which is. One draft belongs to one checkpoint.
struct ImageDraft: BitwiseCopyable {
  /// Memory that is saved and wakes up with the agent; `root` lies at its front.
  var keep: Arena
  var root: WakeState

  /// Memory that ends with the checkpoint.
  var scratch: Arena

  /// Memory that is kept from one checkpoint to the next, and no part of the image either.
  var room = CopyBuffer.range

  /// What the program shares with a clone that writes, `nil` while there is none.
  var page: WriterStatus?

  /// Whether the process that works on this is the clone, all alone in its copy of the memory.
  var isInClone = false

  /// Whether the image may become the parent of another.
  var isTracked = false

  /// What was written since the parent image, `nil`: not known.
  var tracked: Tracked?

  /// Whether there are guard pages in watched memory.
  var metGuards = false

  /// What is to be known of this image when it is safe on disk.
  var record = Lineage.Record()

  /// Whether pages that equal their file are left to it.
  var isThin = false

  /// What the parent image has, `nil`: there is none.
  var chain: ParentChain?

  /// What a precopy process has copied to the image file already, `nil`: there was none.
  var copied: Precopy.Copied?

  /// Whether the image goes into a stream behind what was copied ahead, if anything was.
  var endsPrecopyStream = false

  /// Of each run, 1 when its place in the file is the precopy process's.
  var placements: Table<UInt8>?

  /// Written memory that was copied for the clone, `nil`: the clone has all memory.
  var staging: Staging?

  /// Text of smaps that was read while the program stood still, `nil`: none was needed.
  var properties: RegionList.Text?

  var strings: ByteTable
  var image = ckpt_image()

  /// Goes into the image when `image` names a parent.
  var parent = ckpt_parent()
  var machine = ckpt_machine()
  var agent = ckpt_agent()
  var regions: Table<ckpt_region>

  /// Files with private mappings so far.
  var fileCount: UInt32 = 0
  var runs: Table<ckpt_run>
  var objects: Table<ckpt_object>
  var extents: Table<ckpt_extent>

  /// One for each of `extents`.
  var sources: Table<ExtentSource>

  var files: Table<ckpt_file>
  var descriptors: Table<ckpt_descriptor>
  var xstate: Table<ckpt_xstate_component>

  /// Maps the kept memory, and divides it and `scratch` among the tables.
  ///
  /// - Throws: `outOfMemory` when the program's limits leave too little.
  init(scratch: Arena) throws(Errno) {
    self.scratch = scratch
    keep = try Arena(mapping: WakeState.arenaByteCount)
    _ = try? Mapping.advise(keep.range, Advice.dontFork)
    root = try WakeState(in: &keep)
    let share = scratch.range.byteCount / 64
    strings = try ByteTable(in: &self.scratch, capacity: share * 2)
    regions = try Table(in: &self.scratch, share)
    runs = try Table(in: &self.scratch, share * 8)
    objects = try Table(in: &self.scratch, share)
    extents = try Table(in: &self.scratch, share * 2)
    sources = try Table(in: &self.scratch, share * 2)
    files = try Table(in: &self.scratch, share * 4)
    descriptors = try Table(in: &self.scratch, share)
    xstate = try Table(in: &self.scratch, capacity: 64)
  }

  /// Whether the image is to be a change to another.
  var hasParent: Bool { image.parent_low | image.parent_high != 0 }

  /// Whether a run has the place in the file that a precopy process gave it.
  func isPlaced(run index: Int) -> Bool { placements.map { $0[index] != 0 } ?? false }

  /// Where the bytes of a run lie that is to be written.
  func place(of run: ckpt_run) -> Address {
    guard let staging, staging.wiped.covers(run.range) else { return Address(run.address) }
    return staging.place(of: run.range) ?? Address(run.address)
  }

  /// From now on the image stands alone.
  mutating func dropParent() {
    image.parent_low = 0
    image.parent_high = 0
    tracked = nil
  }

  /// Whether this is memory of the agent's that is no part of the image.
  func isOwnPage(_ range: AddressRange) -> Bool {
    page?.range == range || copied?.page.range == range || copied?.share.range == range
  }

  /// Gives up the page that no clone uses.
  mutating func discardPage() {
    guard let page else { return }
    _ = try? Mapping.unmap(page.range)
    self.page = nil
  }

  /// Bytes of address space; only what is touched costs memory.
  static let scratchByteCount: UInt64 = 1 << 30

  // What lies in the kept memory has its names here too.
  var threads: Table<ckpt_thread> {
    get { root.threads }
    set { root.threads = newValue }
  }
  var details: ByteTable {
    get { root.details }
    set { root.details = newValue }
  }
  var process: ckpt_process {
    root.process.record
  }
  var signals: Table<ckpt_signal_action> { root.signals.actions }
  var pending: Table<ckpt_pending_signal> { root.signals.pending }
  var timers: Table<ckpt_timer> { root.signals.timers }
  var limits: Table<ckpt_limit> { root.process.limits }

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
