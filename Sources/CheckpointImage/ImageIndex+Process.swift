internal import CImage
internal import KernelABI

/// No PID or TID is as large.
///
/// Source: `PID_MAX_LIMIT`, `include/linux/threads.h`.
private let processIDLimit: Int32 = 4 << 20

/// No descriptor is as large: the default of `/proc/sys/fs/nr_open`.
private let descriptorLimit: Int32 = 1 << 20

extension ImageIndex {
  /// Checks that a string lies in the strings; `place` is its record's.
  func check(_ string: ckpt_string, at place: UInt64) throws(ImageError) {
    let end = UInt64(string.offset) + UInt64(string.byte_count)
    try require(
      string.byte_count == 0 || end <= UInt64(strings.count), .badString, at: place, end)
  }

  /// Checks that a detail of entries of `unit` bytes lies in the details, at a multiple of 8.
  func check(
    _ detail: ckpt_detail, unit: UInt32 = 1, at place: UInt64
  ) throws(ImageError) {
    guard detail.byte_count > 0 else { return }
    let end = UInt64(detail.offset) + UInt64(detail.byte_count)
    try require(
      end <= UInt64(details.count) && detail.offset % 8 == 0 && detail.byte_count % unit == 0,
      .badDetail, at: place, end)
  }

  /// Checks what says how to read all else.
  func checkIdentity(_ head: RawSpan) throws(ImageError) {
    let image = ImageRecords<ckpt_image>(self.image, in: head)[0]
    let place = UInt64(self.image.offset)
    try require(
      image.format_version == CKPT_FORMAT_VERSION, .unsupportedFormat, at: place + 32,
      UInt64(image.format_version))
    try require(
      image.page_bytes == pageByteCount, .badPageSize, at: place + 64, image.page_bytes)
    try check(image.label, at: place + 72)
    try checkParent(of: image, head)
  }

  /// Checks the note of the parent, which is there exactly when there is one.
  private func checkParent(of image: ckpt_image, _ head: RawSpan) throws(ImageError) {
    guard image.parent_low | image.parent_high != 0 else {
      return try require(
        self.parent == .absent, .badParent, at: UInt64(self.parent.offset), 0)
    }
    try require(
      self.parent != .absent, .missingNote, at: UInt64(self.image.offset) + 16,
      UInt64(CKPT_NT_PARENT))
    let place = UInt64(self.parent.offset)
    try require(self.parent.count == 1, .badTable, at: place, UInt64(self.parent.count))
    let parent = ImageRecords<ckpt_parent>(self.parent, in: head)[0]
    try require(
      parent.identity_low == image.parent_low && parent.identity_high == image.parent_high,
      .badParent, at: place, parent.identity_low)
    try require(
      parent.identity_low != image.identity_low || parent.identity_high != image.identity_high,
      .badParent, at: place, parent.identity_low)
    try require(
      parent.depth >= 1 && parent.depth <= CKPT_DEPTH_LIMIT, .badParent, at: place + 32,
      UInt64(parent.depth))
    try require(parent.name.byte_count > 0, .badParent, at: place + 16, 0)
    try check(parent.name, at: place + 16)
    try check(parent.path, at: place + 24)
  }

  /// Checks process, machine and threads.
  func checkProcess(_ head: RawSpan) throws(ImageError) {
    let process = ImageRecords<ckpt_process>(self.process, in: head)[0]
    let place = UInt64(self.process.offset)
    try require(
      process.pid > 0 && process.pid < processIDLimit, .badProcessID, at: place,
      UInt64(truncatingIfNeeded: process.pid))
    try check(process.name, at: place)
    try check(process.executable, at: place)
    try check(process.directory, at: place)
    try check(process.root, at: place)
    try check(process.command_line, at: place)
    try check(process.groups, unit: 4, at: place)
    try check(process.auxv, unit: 16, at: place)
    try checkMachine(head)
    try checkThreads(head, mainThread: process.pid)
  }

  private func checkMachine(_ head: RawSpan) throws(ImageError) {
    let machine = ImageRecords<ckpt_machine>(self.machine, in: head)[0]
    let place = UInt64(self.machine.offset)
    try ImageIndex.checkSpecial(machine.vdso_start, machine.vdso_bytes, at: place + 64)
    try ImageIndex.checkSpecial(machine.vvar_start, machine.vvar_bytes, at: place + 80)
    try check(machine.kernel_release, at: place)
    try check(machine.host_name, at: place)
    try check(machine.cpu_name, at: place)
    let components = ImageRecords<ckpt_xstate_component>(xstate, in: head)
    for index in 0..<components.count {
      let component = components[index]
      let end = UInt64(component.offset) + UInt64(component.byte_count)
      // Linux: an XSAVE area with AMX has about 11 KiB; 64 components is what XCR0 can say.
      try require(
        component.component < 64 && end <= 1 << 20, .badExtendedState,
        at: components.offset(of: index), end)
    }
  }

  private static func checkSpecial(
    _ start: UInt64, _ byteCount: UInt64, at place: UInt64
  ) throws(ImageError) {
    try require(
      (start | byteCount) % pageByteCount == 0 && start <= userAddressEnd
        && byteCount <= userAddressEnd - start, .badSpecialRange, at: place, start)
  }

  private func checkThreads(_ head: RawSpan, mainThread: Int32) throws(ImageError) {
    let threads = ImageRecords<ckpt_thread>(self.threads, in: head)
    var hasMain = false
    var hasLeader = false
    for index in 0..<threads.count {
      let thread = threads[index]
      let place = threads.offset(of: index)
      let tid = UInt64(truncatingIfNeeded: thread.tid)
      try require(
        thread.tid > 0 && thread.tid < processIDLimit, .badThreadID, at: place, tid)
      if thread.flags & CKPT_THREAD_MAIN != 0 {
        try require(!hasMain, .twoMainThreads, at: place, tid)
        try require(thread.tid == mainThread, .badThreadID, at: place, tid)
        hasMain = true
      }
      if thread.flags & CKPT_THREAD_LEADER != 0 {
        try require(!hasLeader, .twoLeaders, at: place, tid)
        hasLeader = true
      }
      try check(thread.affinity, at: place)
      try check(thread.waits_in, at: place)
      guard thread.flags & CKPT_THREAD_EXITED == 0 else { continue }
      try require(
        region(holding: thread.frame, head) != nil, .badThreadFrame, at: place + 8, thread.frame)
    }
    try require(
      hasMain, .noMainThread, at: UInt64(self.threads.offset), UInt64(threads.count))
  }

  /// The region that an address lies in.
  ///
  /// - Precondition: regions were checked.
  func region(holding address: UInt64, _ head: RawSpan) -> ckpt_region? {
    let regions = ImageRecords<ckpt_region>(self.regions, in: head)
    var low = 0
    var high = regions.count
    while low < high {
      let middle = low + (high - low) / 2
      if regions[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < regions.count, regions[low].start <= address else { return nil }
    return regions[low]
  }

  /// Checks files and descriptors.
  func checkDescriptors(_ head: RawSpan) throws(ImageError) {
    let files = ImageRecords<ckpt_file>(self.files, in: head)
    for index in 0..<files.count {
      let file = files[index]
      let place = files.offset(of: index)
      // What the kind means is for `restart` to know: it names the descriptor when it doesn't.
      try require(file.kind != 0, .badFileKind, at: place, 0)
      try require(
        file.object == CKPT_NONE || file.object < UInt32(objects.count), .badFileObject,
        at: place, UInt64(file.object))
      try check(file.path, at: place)
      try check(file.detail, at: place)
    }
    let descriptors = ImageRecords<ckpt_descriptor>(self.descriptors, in: head)
    var previous: Int32 = -1
    for index in 0..<descriptors.count {
      let descriptor = descriptors[index]
      let place = descriptors.offset(of: index)
      let number = UInt64(truncatingIfNeeded: descriptor.number)
      try require(
        descriptor.number >= 0 && descriptor.number < descriptorLimit, .badDescriptorNumber,
        at: place, number)
      try require(descriptor.number > previous, .descriptorsOutOfOrder, at: place, number)
      previous = descriptor.number
      try require(
        descriptor.file < UInt32(files.count), .badDescriptorFile, at: place,
        UInt64(descriptor.file))
    }
  }
}
