internal import KernelABI

extension RestartFailure {
  /// What the user can do: the failure's own hint, else what fits its error or status.
  var advice: StaticString {
    if hint.utf8CodeUnitCount > 0 { return hint }
    switch errno {
    case .noSuchFile, .notDirectory: return "put it back, or name another path with --map OLD=NEW"
    case .accessDenied, .notPermitted:
      return "run restart as the user whose program it was, or as root"
    case .outOfMemory: return "memory or address space is short (ulimit -v, a container's limit)"
    case .tooManyOpen: return "raise the limit with ulimit -n"
    case .noSpace: return "make room on that file system"
    default: return status.advice
    }
  }
}

extension RestartFailure.Status {
  /// What to do when the error says nothing.
  fileprivate var advice: StaticString {
    switch self {
    case .damagedImage: "`ckpt verify` says what is damaged; take an older image"
    case .usage: "restart --help lists what it takes"
    case .missingKernelFeature: "restart it on a machine of the same kind with as new a kernel"
    case .permission: "run restart as the user whose program it was, or as root"
    case .failed, .badlyFed: "try again; restart --verbose says how far it came"
    }
  }
}
