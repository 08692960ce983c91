internal import CImage

/// One region, and where its bytes are.
public struct RegionSummary: Codable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case anonymous, privateFile, shared, sharedFile, vdso, vvar, vsyscall
  }

  public var start: UInt64
  public var end: UInt64
  public var kind: Kind

  /// As in `/proc/PID/maps`: "rw-p".
  public var protection: String
  public var path: String?
  public var fileOffset: UInt64
  public var flags: [String]

  /// Which of the objects it shows.
  public var object: UInt32?

  /// Bytes by where they are: in this image, zero, in the object, in the file, in the parent.
  public var storedByteCount: UInt64
  public var zeroByteCount: UInt64
  public var objectByteCount: UInt64
  public var fileByteCount: UInt64
  public var parentByteCount: UInt64

  /// Of what is stored, the file's own bytes, not written by the process.
  public var cleanByteCount: UInt64
  public var runCount: UInt64

  public var byteCount: UInt64 { end - start }

  static func all(_ head: ImageHead) -> [RegionSummary] {
    let runs: [ckpt_run] = head.entries(head.index.runs)
    return head.entries(head.index.regions).map { (region: ckpt_region) in
      let first = region.run_count == 0 ? 0 : Int(region.first_run)
      return RegionSummary(region, runs[first..<(first + Int(region.run_count))], head)
    }
  }

  private init(_ region: ckpt_region, _ runs: ArraySlice<ckpt_run>, _ head: ImageHead) {
    func byteCount(_ kind: UInt32) -> UInt64 {
      runs.reduce(0) { $0 + ($1.kind == kind ? $1.byte_count : 0) }
    }
    start = region.start
    end = region.end
    kind = Self.kind(region.kind)
    protection = Self.protection(region)
    path = head.optionalText(region.path)
    fileOffset = region.file_offset
    flags = Self.flagNames.compactMap { region.flags & $0.bit != 0 ? $0.name : nil }
    object = region.object == CKPT_NONE ? nil : region.object
    storedByteCount = byteCount(CKPT_RUN_HERE)
    zeroByteCount = byteCount(CKPT_RUN_ZERO)
    objectByteCount = byteCount(CKPT_RUN_OBJECT)
    fileByteCount = byteCount(CKPT_RUN_FILE)
    parentByteCount = byteCount(CKPT_RUN_PARENT)
    cleanByteCount = runs.reduce(0) {
      $0 + ($1.kind == CKPT_RUN_HERE && $1.flags & CKPT_RUN_CLEAN != 0 ? $1.byte_count : 0)
    }
    runCount = region.run_count
  }

  private static func kind(_ kind: UInt32) -> Kind {
    switch kind {
    case CKPT_REGION_PRIVATE_FILE: .privateFile
    case CKPT_REGION_SHARED: .shared
    case CKPT_REGION_SHARED_FILE: .sharedFile
    case CKPT_REGION_VDSO: .vdso
    case CKPT_REGION_VVAR: .vvar
    case CKPT_REGION_VSYSCALL: .vsyscall
    default: .anonymous
    }
  }

  private static func protection(_ region: ckpt_region) -> String {
    let isShared = region.kind == CKPT_REGION_SHARED || region.kind == CKPT_REGION_SHARED_FILE
    return (region.protection & 1 != 0 ? "r" : "-") + (region.protection & 2 != 0 ? "w" : "-")
      + (region.protection & 4 != 0 ? "x" : "-") + (isShared ? "s" : "p")
  }

  private struct FlagName {
    var bit: UInt32
    var name: String
  }

  private static let flagNames = [
    FlagName(bit: CKPT_REGION_HEAP, name: "heap"),
    FlagName(bit: CKPT_REGION_STACK, name: "stack"),
    FlagName(bit: CKPT_REGION_GROWS_DOWN, name: "grows-down"),
    FlagName(bit: CKPT_REGION_NO_RESERVE, name: "no-reserve"),
    FlagName(bit: CKPT_REGION_HUGE_TLB, name: "huge-tlb"),
    FlagName(bit: CKPT_REGION_HUGE_PAGES, name: "huge-pages"),
    FlagName(bit: CKPT_REGION_NO_HUGE_PAGES, name: "no-huge-pages"),
    FlagName(bit: CKPT_REGION_DONT_FORK, name: "dont-fork"),
    FlagName(bit: CKPT_REGION_WIPE_ON_FORK, name: "wipe-on-fork"),
    FlagName(bit: CKPT_REGION_DROPPABLE, name: "droppable"),
    FlagName(bit: CKPT_REGION_DONT_DUMP, name: "dont-dump"),
    FlagName(bit: CKPT_REGION_LOCKED, name: "locked"),
    FlagName(bit: CKPT_REGION_LOCKED_ON_FAULT, name: "locked-on-fault"),
    FlagName(bit: CKPT_REGION_MERGEABLE, name: "mergeable"),
    FlagName(bit: CKPT_REGION_SEALED, name: "sealed"),
    FlagName(bit: CKPT_REGION_SEQUENTIAL, name: "sequential"),
    FlagName(bit: CKPT_REGION_RANDOM, name: "random"),
    FlagName(bit: CKPT_REGION_ARENA, name: "arena"),
    FlagName(bit: CKPT_REGION_WRITABLE_FILE, name: "writable-file"),
  ]
}

/// Contents that more than one region or descriptor may show.
public struct ObjectSummary: Codable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case sharedAnonymous, memfd, systemV, unlinkedFile, bytes, sharedFile
  }

  public var kind: Kind
  public var name: String?
  public var byteCount: UInt64
  public var storedByteCount: UInt64

  static func all(_ head: ImageHead) -> [ObjectSummary] {
    let extents: [ckpt_extent] = head.entries(head.index.extents)
    return head.entries(head.index.objects).map { (object: ckpt_object) in
      let first = object.extent_count == 0 ? 0 : Int(object.first_extent)
      let own = extents[first..<(first + Int(object.extent_count))]
      return ObjectSummary(
        kind: kind(object.kind), name: head.optionalText(object.name),
        byteCount: object.byte_count, storedByteCount: own.reduce(0) { $0 + $1.byte_count })
    }
  }

  private static func kind(_ kind: UInt32) -> Kind {
    switch kind {
    case CKPT_OBJECT_MEMFD: .memfd
    case CKPT_OBJECT_SYSV: .systemV
    case CKPT_OBJECT_UNLINKED_FILE: .unlinkedFile
    case CKPT_OBJECT_BYTES: .bytes
    case CKPT_OBJECT_SHARED_FILE: .sharedFile
    default: .sharedAnonymous
    }
  }
}
