public import KernelABI

/// Mounts of the caller's mount namespace.
///
/// Source: mount(2).
public enum Mounts {
  /// Lets no mount below `path` come from, or go to, other namespaces: MS_REC | MS_PRIVATE.
  public static func makePrivate(_ path: StaticString) throws(Errno) {
    let none: StaticString = "none"
    try systemCall(
      SyscallNumber.mount, none.address.argument, path.address.argument, 0, 0x4000 | 0x40000)
  }

  /// Mounts a file system without a device: MS_NOSUID | MS_NODEV | MS_NOEXEC.
  public static func mount(_ kind: StaticString, at path: StaticString) throws(Errno) {
    try systemCall(
      SyscallNumber.mount, kind.address.argument, path.address.argument, kind.address.argument,
      0x2 | 0x4 | 0x8)
  }
}
