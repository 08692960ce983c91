/// How the program gets its process and thread IDs.
enum IdentityPlan: Equatable, BitwiseCopyable {
  /// The saved ones, in this PID namespace; `yields`: else in one of its own, at once.
  case here(yields: Bool)
  /// The saved ones, in a PID namespace of its own; `withUser`: and a user namespace, which is what
  /// makes that possible for anyone.
  case namespace(withUser: Bool)
  /// Whichever the kernel gives.
  case fresh

  /// What this process may do in its user namespace.
  struct Powers: Equatable, BitwiseCopyable {
    var effective: UInt64

    /// CAP_SYS_ADMIN: namespaces without a user namespace.
    var isAdministrator: Bool { effective & (1 << 21) != 0 }

    /// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN: chosen IDs.
    ///
    /// It also takes that this user namespace owns the PID namespace, which only trying tells.
    ///
    /// Source: `kernel/pid.c`, `alloc_pid`.
    var mayChooseIDs: Bool { isAdministrator || effective & (1 << 40) != 0 }
  }

  init(_ wanted: RestartOptions.IDs, powers: Powers) {
    switch wanted {
    case .fresh: self = .fresh
    case .private: self = .namespace(withUser: !powers.isAdministrator)
    case .same, .sameOrPrivate:
      self =
        powers.mayChooseIDs
        ? .here(yields: wanted == .sameOrPrivate)
        : .namespace(withUser: !powers.isAdministrator)
    }
  }
}
