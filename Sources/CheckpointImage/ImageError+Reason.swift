extension ImageError {
  /// One clause for people, without offset and value: for programs that have no `String`.
  public var reason: StaticString { refusal.reason }
}

extension ImageError.Refusal {
  public var reason: StaticString {
    switch self.rawValue {
    case ..<20: fileReason
    case ..<40: noteReason
    case ..<70: memoryReason
    case ..<100: processReason
    default: digestReason
    }
  }

  private var fileReason: StaticString {
    switch self {
    case .truncated: "the file ends too early"
    case .wrongFileSize: "the file has another size than its header says"
    case .notElf: "not a checkpoint image: no ELF file"
    case .foreignElf: "not a checkpoint image: an ELF file, but no x86-64 core"
    case .badElfHeader: "a field of the ELF header is wrong"
    case .badNotesSegment: "the first program header does not describe the notes"
    case .badSegmentCount: "the number of program headers is wrong"
    case .headTooLarge: "the head of the image is larger than 4 GiB"
    case .badSegment: "a program header does not agree with its run"
    case .badSection: "a section header is wrong"
    case .badExecutable: "what the snapshot executable says of its parts is impossible"
    case .unsupportedExecutable: "the snapshot executable is one of another version"
    case .badPageList: "the list of pages in the snapshot executable is impossible"
    default: "the snapshot executable has another image in it than it says"
    }
  }

  private var noteReason: StaticString {
    switch self {
    case .badNote: "a note reaches beyond the notes"
    case .notACheckpoint: "not a checkpoint image: a core file without CKPT notes"
    case .missingNote: "a required note is missing"
    case .repeatedNote: "a note is there twice"
    case .unknownRequiredNote: "the image needs a newer version of this program (unknown note)"
    case .unsupportedTable: "the image needs another version of this program (table version)"
    case .badTable: "the entries of a note do not fit it"
    case .unsupportedFormat: "the image needs another version of this program (format version)"
    case .badPageSize: "the image's page size is not 4096"
    case .badString: "a string lies outside of the strings"
    case .badDetail: "a detail lies outside of the details"
    default: "what the image says of its parent is impossible"
    }
  }

  private var memoryReason: StaticString {
    switch self {
    case .badRegionRange: "a region's addresses are impossible"
    case .regionsOutOfOrder: "regions overlap or are out of order"
    case .badRegionKind: "a region is of an unknown kind"
    case .badRegionProtection: "a region's protection is impossible"
    case .badRegionObject: "a region shows an object that is not there"
    case .badRegionOffset: "a region's file offset is impossible"
    case .badHugePageSize: "a region's huge page size is impossible"
    case .badRegionRuns: "a region's runs are not where they should be"
    case .badRunRange: "a run is not made of whole pages of its region"
    case .runsOutOfOrder: "runs overlap or are out of order"
    case .badRunKind: "a run is of an unknown or impossible kind"
    case .badRunRegion: "a run names another region than the one it belongs to"
    case .badRunPlace: "a run's bytes are not where they should be"
    case .strayRuns: "there are runs that belong to no region"
    case .badObjectKind: "an object is of an unknown kind"
    case .badObjectSize: "an object's size is impossible"
    case .badObjectExtents: "an object's extents are not where they should be"
    case .badExtentRange: "an extent reaches beyond its object"
    case .extentsOutOfOrder: "extents overlap or are out of order"
    case .badExtentPlace: "an extent's bytes are not where they should be"
    default: "there are extents that belong to no object"
    }
  }

  private var processReason: StaticString {
    switch self {
    case .badProcessID: "the process ID is impossible"
    case .badThreadID: "a thread ID is impossible"
    case .noMainThread: "there is no main thread"
    case .twoMainThreads: "there are two main threads"
    case .twoLeaders: "there are two leaders"
    case .badThreadFrame: "a thread's signal frame lies in no region"
    case .badAgentEntry: "the agent's entry is not in an executable private region"
    case .badAgentArena: "the agent's arena is not in one writable private region"
    case .badAgentStack: "the agent's stack is not in its arena"
    case .badHandoff: "the agent's handoff is not in its arena"
    case .unsupportedHandoff: "the image needs another version of this program (handoff version)"
    case .badTriggerSignal: "the trigger signal is impossible"
    case .badSpecialRange: "the range of vdso or vvar is impossible"
    case .badFileKind: "an open file is of no kind"
    case .badFileObject: "an open file has an object that is not there"
    case .badDescriptorNumber: "a descriptor number is impossible"
    case .descriptorsOutOfOrder: "descriptors are out of order"
    case .badDescriptorFile: "a descriptor names an open file that is not there"
    case .badSignalCount: "there are not 64 signal actions"
    case .badSignal: "a pending signal is impossible"
    case .badTimer: "a timer is of an unknown kind"
    case .badLimitCount: "there are too many resource limits"
    default: "a component of the extended state is impossible"
    }
  }

  private var digestReason: StaticString {
    switch self {
    case .badDigestMagic: "the digests are missing: the image was not finished"
    case .foreignDigests: "the digests are those of another image"
    case .badDigestHeader: "the digests do not fit the image"
    case .damagedDigests: "the digests are damaged"
    case .damagedHead: "the head is damaged: its digest differs"
    case .damagedData: "data is damaged: its digest differs"
    case .damagedPageList:
      "the list of pages in the snapshot executable is damaged: its digest differs"
    case .damagedPacking: "the compressed image is damaged"
    default: "the program part of the snapshot executable is damaged: its digest differs"
    }
  }
}
