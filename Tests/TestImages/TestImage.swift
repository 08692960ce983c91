public import CImage
import CheckpointImage

/// A small image, made in memory: a writer of the format that shares no code with the agent.
public struct TestImage: Sendable {
  public var image = ckpt_image()
  public var process = ckpt_process()
  public var machine = ckpt_machine()
  public var agent = ckpt_agent()
  public var strings: [UInt8] = []
  public var details: [UInt8] = []
  public var threads: [ckpt_thread] = []
  public var regions: [ckpt_region] = []
  public var runs: [ckpt_run] = []
  public var objects: [ckpt_object] = []
  public var extents: [ckpt_extent] = []
  public var files: [ckpt_file] = []
  public var descriptors: [ckpt_descriptor] = []
  public var signals = [ckpt_signal_action](repeating: ckpt_signal_action(), count: 64)
  public var pending: [ckpt_pending_signal] = []
  public var timers: [ckpt_timer] = []
  public var limits = [ckpt_limit](repeating: ckpt_limit(current: 1, maximum: .max), count: 16)
  public var xstate = [ckpt_xstate_component(component: 2, offset: 576, byte_count: 256, flags: 0)]

  /// There when `image` has a parent.
  public var parent = ckpt_parent()

  /// Bytes of the data by their index in `runs`, for those that shall not have just any.
  public var contents: [Int: [UInt8]] = [:]

  /// The data lies in the other direction, with a page of nothing after each part of it.
  public var isScattered = false

  /// Extra notes, put before and after the project's own.
  public var notesBefore: [UInt8] = []
  public var notesAfter: [UInt8] = []

  public mutating func string(_ text: String) -> ckpt_string {
    defer { strings += Array(text.utf8) }
    return ckpt_string(offset: UInt32(strings.count), byte_count: UInt32(text.utf8.count))
  }

  public mutating func detail(_ bytes: [UInt8]) -> ckpt_detail {
    details += [UInt8](repeating: 0, count: -details.count & 7)
    defer { details += bytes }
    return ckpt_detail(offset: UInt32(details.count), byte_count: UInt32(bytes.count))
  }

  /// Adds a region, with runs of `(kind, pages)` from its start on; kind 0 leaves a gap.
  public mutating func region(
    _ start: UInt64, _ kind: UInt32, _ protection: UInt32, path: String = "",
    object: UInt32 = CKPT_NONE, _ parts: KeyValuePairs<UInt32, UInt64>
  ) {
    var region = ckpt_region()
    region.start = start
    region.end = start
    region.kind = kind
    region.protection = protection
    region.object = object
    region.file = CKPT_NONE
    region.path = path.isEmpty ? ckpt_string() : string(path)
    region.first_run = UInt64(runs.count)
    for (kind, pages) in parts {
      if kind != 0 {
        runs.append(
          ckpt_run(
            address: region.end, byte_count: pages * 4096, file_offset: 0, kind: kind, flags: 0,
            region: UInt32(regions.count), reserved: 0))
      }
      region.end += pages * 4096
    }
    region.run_count = UInt64(runs.count) - region.first_run
    regions.append(region)
  }

  /// A process with two threads, a bit of each kind of memory and some descriptors.
  public static func small() -> TestImage {
    var made = TestImage()
    made.image.identity_low = 0x0123_4567_89ab_cdef
    made.image.identity_high = 0xfedc_ba98_7654_3210
    made.image.format_version = CKPT_FORMAT_VERSION
    made.image.counter = 1
    made.image.page_bytes = 4096
    made.image.label = made.string("before the upgrade")
    made.addProcess()
    made.addMemory()
    made.addThreads()
    made.addDescriptors()
    return made
  }

  /// The same as a change to another image.
  public static func withParent() -> TestImage {
    var made = small()
    made.makeChild()
    made.runs[4].kind = CKPT_RUN_PARENT
    return made
  }

  /// Makes this a change to another image, whose file has a name.
  public mutating func setParent(_ other: TestImage, name: String, path: String = "") {
    image.parent_low = other.image.identity_low
    image.parent_high = other.image.identity_high
    parent.identity_low = other.image.identity_low
    parent.identity_high = other.image.identity_high
    parent.name = string(name)
    parent.path = path.isEmpty ? ckpt_string() : string(path)
    parent.depth = other.parent.depth + 1
  }

  /// Replaces a run by several, of `(kind, pages)`.
  public mutating func split(_ index: Int, _ parts: KeyValuePairs<UInt32, UInt64>) {
    let original = runs.remove(at: index)
    var address = original.address
    var new: [ckpt_run] = []
    for (kind, pages) in parts {
      if kind != 0 {
        var run = original
        run.kind = kind
        run.address = address
        run.byte_count = pages * 4096
        new.append(run)
      }
      address += pages * 4096
    }
    runs.insert(contentsOf: new, at: index)
    let region = Int(original.region)
    regions[region].run_count += UInt64(new.count) - 1
    for later in (region + 1)..<regions.count {
      regions[later].first_run += UInt64(new.count) - 1
    }
  }

  public mutating func makeChild() {
    image.parent_low = 1
    image.parent_high = 2
    parent.identity_low = 1
    parent.identity_high = 2
    parent.name = string("myckpt.1")
    parent.path = string("/home/user/myckpt.1")
    parent.depth = 3
  }

  private mutating func addProcess() {
    process.pid = 4312
    process.parent = 1
    process.name = string("prog")
    process.executable = string("/usr/bin/prog")
    process.directory = string("/home/user")
    process.root = string("/")
    process.command_line = string("prog\0--fast\0")
    process.groups = detail([4, 0, 0, 0, 24, 0, 0, 0])
    process.auxv = detail([UInt8](repeating: 0, count: 32))
    machine.kernel_release = string("6.12.0")
    machine.host_name = string("alpha")
    machine.vdso_start = 0x7ff0_0000_0000
    machine.vdso_bytes = 8192
  }

  private mutating func addMemory() {
    region(
      0x40_0000, CKPT_REGION_PRIVATE_FILE, 5, path: "/usr/bin/prog",
      [CKPT_RUN_HERE: 2, CKPT_RUN_HERE: 1])
    region(
      0x7f00_0000_0000, CKPT_REGION_ANONYMOUS, 3,
      [CKPT_RUN_HERE: 1, 0: 3, CKPT_RUN_HERE: 300, CKPT_RUN_ZERO: 2, CKPT_RUN_GUARD: 1])
    region(
      0x7f10_0000_0000, CKPT_REGION_SHARED, 3, path: "/memfd:cache (deleted)", object: 0,
      [CKPT_RUN_OBJECT: 2, 0: 1])
    region(0x7ff0_0000_0000, CKPT_REGION_VDSO, 5, path: "[vdso]", [CKPT_RUN_HERE: 2])
    region(0xffff_ffff_ff60_0000, CKPT_REGION_VSYSCALL, 4, path: "[vsyscall]", [0: 1])
    var memfd = ckpt_object()
    memfd.kind = CKPT_OBJECT_MEMFD
    memfd.byte_count = 3 * 4096
    memfd.extent_count = 1
    memfd.name = string("cache")
    var queue = ckpt_object()
    queue.kind = CKPT_OBJECT_BYTES
    queue.byte_count = 100
    queue.first_extent = 1
    queue.extent_count = 1
    objects = [memfd, queue]
    extents = [
      ckpt_extent(offset: 0, byte_count: 2 * 4096, file_offset: 0),
      ckpt_extent(offset: 0, byte_count: 100, file_offset: 0),
    ]
    agent.entry = 0x40_0100
    agent.arena_start = 0x7f00_0000_0000
    agent.arena_bytes = 0x10000
    agent.stack_top = 0x7f00_0000_8000
    agent.handoff = 0x7f00_0000_0100
    agent.handoff_version = CKPT_HANDOFF_VERSION
    agent.trigger_signal = 12
  }

  private mutating func addThreads() {
    var main = ckpt_thread()
    main.tid = 4312
    main.flags = CKPT_THREAD_MAIN | CKPT_THREAD_LEADER
    main.frame = 0x7f00_0000_4040
    main.name_low = 0x0067_6f72_70  // "prog"
    main.system_call = -1
    var worker = main
    worker.tid = 4313
    worker.flags = 0
    worker.system_call = 202
    worker.affinity = detail([3])
    threads = [main, worker]
  }

  private mutating func addDescriptors() {
    var terminal = ckpt_file()
    terminal.kind = CKPT_FILE_TERMINAL
    terminal.object = CKPT_NONE
    terminal.path = string("/dev/pts/0")
    var pipe = ckpt_file()
    pipe.kind = CKPT_FILE_PIPE
    pipe.object = 1
    pipe.detail = detail([UInt8](repeating: 0, count: 16))
    files = [terminal, pipe]
    descriptors = [
      ckpt_descriptor(number: 0, flags: 0, file: 0, reserved: 0),
      ckpt_descriptor(number: 1, flags: 0, file: 0, reserved: 0),
      ckpt_descriptor(number: 7, flags: 1, file: 1, reserved: 0),
    ]
    pending = [ckpt_pending_signal()]
    pending[0].signal = 10
    timers = [ckpt_timer()]
    timers[0].kind = CKPT_TIMER_INTERVAL
  }
}
