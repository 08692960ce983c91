internal import KernelABI

/// What an administrator may have set against namespaces; `nil` where the file isn't there.
struct NamespaceLimits: BitwiseCopyable {
  /// Debian's kernel.unprivileged_userns_clone.
  var cloneAllowed: UInt64?
  /// user.max_user_namespaces and user.max_pid_namespaces, the smaller.
  var most: UInt64?
  /// Ubuntu's kernel.apparmor_restrict_unprivileged_userns.
  var appArmorRestricts: UInt64?

  /// Why the kernel refused, in words.
  func reason(_ errno: Errno) -> StaticString {
    if cloneAllowed == 0 {
      return "user namespaces are switched off here, kernel.unprivileged_userns_clone is 0"
    }
    if most == 0 {
      return "namespaces are switched off here, user.max_user_namespaces is 0"
    }
    if errno == .noSpace {
      return "too many namespaces, or more than 32 inside of each other"
    }
    if let appArmorRestricts, appArmorRestricts != 0,
      errno == .notPermitted || errno == .accessDenied
    {
      return "AppArmor forbids user namespaces, kernel.apparmor_restrict_unprivileged_userns is 1"
    }
    if errno == .invalid || errno == .notImplemented {
      return "this kernel has no user and PID namespaces"
    }
    return "this system, perhaps a container, forbids namespaces"
  }

  /// The failure for a program whose ID is `pid`.
  func refusal(_ errno: Errno, pid: Int32) -> RestartFailure {
    let lacks = errno == .invalid || errno == .notImplemented
    return RestartFailure(
      lacks ? .missingKernelFeature : .permission, "cannot give the program its process ID",
      errno: errno, why: reason(errno),
      hint: "`restart --fresh-pids` goes on with another one; root gets the same one",
      number: UInt64(pid), numberStyle: .decimal)
  }
}

extension NamespaceLimits {
  static var here: NamespaceLimits {
    var here = NamespaceLimits()
    here.cloneAllowed = Sysctl.number("/proc/sys/kernel/unprivileged_userns_clone")
    let users = Sysctl.number("/proc/sys/user/max_user_namespaces")
    let pids = Sysctl.number("/proc/sys/user/max_pid_namespaces")
    here.most = users == 0 ? 0 : pids
    here.appArmorRestricts = Sysctl.number(
      "/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    return here
  }
}
