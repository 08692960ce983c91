public import KernelABI

extension CaptureStep {
  /// What to do when the step failed with `errno` and no reason has a hint; `nil`: nothing is known.
  public func hint(for errno: Errno) -> StaticString? {
    switch self {
    case .openImage, .writeImage, .synchronizeImage, .renameImage: errno.outputHint
    case .openParent: "save again: the next image has all of the memory, and needs no other"
    case .prepare: "the program is short of memory or address space (ulimit -v)"
    case .descriptors, .control:
      errno == .tooManyOpen ? CaptureReason.tooManyDescriptors.hint : nil
    case .restartProgram: "CKPT_RESTART names one that belongs to this ckpt"
    case .copyAhead: "without --precopy it is copied as usual"
    case .layout: "let the program close descriptors or end threads before it is saved"
    case .stopThread, .threadState, .readRegions, .region, .scanPages, .descriptor, .process,
      .signals, .timers:
      nil
    }
  }
}

extension Errno {
  /// What to do when a file can't be written; `nil`: the error itself says it all.
  public var outputHint: StaticString? {
    switch self {
    case .noSpace, .diskQuota: "make room, or name another place"
    case .readOnlyFileSystem, .accessDenied, .notPermitted: "name a place that you may write to"
    case .isDirectory: "name a file in it"
    case .noSuchFile, .notDirectory: "make its folder first"
    default: nil
    }
  }
}
