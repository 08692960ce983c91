internal import CImage
internal import Kernel
internal import KernelABI

/// Source: unshare(2), namespaces(7).
enum Namespaces {
  private static let time = 0x80  // CLONE_NEWTIME
  private static let mount = 0x20000  // CLONE_NEWNS
  private static let user = 0x1000_0000  // CLONE_NEWUSER
  private static let pid = 0x2000_0000  // CLONE_NEWPID

  /// Tries to let the clocks of the children go on from those of the image.
  ///
  /// - Returns: whether they will.
  static func tryTime(_ image: ckpt_image) -> Bool {
    do throws(Errno) {
      try systemCall(SyscallNumber.unshare, time)
      try Clocks.shiftForChildren(to: image)
      return true
    } catch {
      return false
    }
  }

  /// Makes namespaces for the children: PIDs, mounts and, where the kernel has them, clocks.
  ///
  /// - Parameter withUser: also one of users, in which the program's user is this one.
  /// - Returns: whether the clocks go on from those of the image.
  static func make(withUser: Bool, for image: LoadedImage) throws(Errno) -> Bool {
    let owner = rawSystemCall(SyscallNumber.geteuid)
    let group = rawSystemCall(SyscallNumber.getegid)
    let kinds = mount | pid | (withUser ? user : 0)
    let hasTime = try unshare(kinds)
    if withUser {
      try becomeReadable()
      try map(owner, as: image.process.uid, in: "/proc/self/uid_map")
      var deny = Line("deny")
      try? deny.write(toFile: "/proc/self/setgroups")
      try map(group, as: image.process.gid, in: "/proc/self/gid_map")
    }
    guard hasTime else { return false }
    return (try? Clocks.shiftForChildren(to: image.image)) != nil
  }

  /// - Returns: whether there is a time namespace, which kernels before 5.6 lack.
  private static func unshare(_ kinds: Int) throws(Errno) -> Bool {
    do throws(Errno) {
      try systemCall(SyscallNumber.unshare, kinds | time)
      return true
    } catch {
      guard error == .invalid else { throw error }
      try systemCall(SyscallNumber.unshare, kinds)
      return false
    }
  }

  /// Changing credentials has made this process non-dumpable, and its /proc files root's.
  ///
  /// Source: prctl(2), PR_SET_DUMPABLE.
  private static func becomeReadable() throws(Errno) {
    try systemCall(SyscallNumber.prctl, 4, 1)
  }

  /// Source: user_namespaces(7).
  private static func map(
    _ outside: Int, as inside: UInt32, in path: StaticString
  ) throws(Errno) {
    var line = Line()
    line.append(decimal: UInt64(inside))
    line.append(" ")
    line.append(decimal: UInt64(outside))
    line.append(" 1\n")
    try line.write(toFile: path)
  }

  /// Makes /proc show the namespace that the caller is in, to it and its children only.
  ///
  /// In containers that hide parts of /proc this is EPERM.
  ///
  /// Source: mount(2), MS_REC | MS_PRIVATE; MS_NOSUID | MS_NODEV | MS_NOEXEC.
  static func mountProcesses() throws(Errno) {
    let none: StaticString = "none"
    let root: StaticString = "/"
    let folder: StaticString = "/proc"
    let kind: StaticString = "proc"
    try systemCall(
      SyscallNumber.mount, none.address.argument, root.address.argument, 0, 0x4000 | 0x40000)
    try systemCall(
      SyscallNumber.mount, kind.address.argument, folder.address.argument, kind.address.argument,
      0x2 | 0x4 | 0x8)
  }
}
