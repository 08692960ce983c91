internal import CImage
internal import Kernel
internal import KernelABI

/// Source: unshare(2), namespaces(7).
enum Namespaces {
  /// Tries to let the clocks of the children go on from those of the image.
  ///
  /// - Returns: whether they will.
  static func tryTime(_ image: ckpt_image) -> Bool {
    do throws(Errno) {
      try Process.unshare(.newTime)
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
    let owner = OwnIDs.effectiveUser
    let group = OwnIDs.effectiveGroup
    let kinds: CloneFlags = .newMounts | .newProcesses | (withUser ? .newUsers : .none)
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
  private static func unshare(_ kinds: CloneFlags) throws(Errno) -> Bool {
    do throws(Errno) {
      try Process.unshare(kinds | .newTime)
      return true
    } catch {
      guard error == .invalid else { throw error }
      try Process.unshare(kinds)
      return false
    }
  }

  /// Changing credentials has made this process non-dumpable, and its /proc files root's.
  ///
  /// Source: prctl(2), PR_SET_DUMPABLE.
  private static func becomeReadable() throws(Errno) {
    try Prctl.call(Prctl.setDumpable, 1)
  }

  /// Source: user_namespaces(7).
  private static func map(
    _ outside: UInt32, as inside: UInt32, in path: StaticString
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
  static func mountProcesses() throws(Errno) {
    try Mounts.makePrivate("/")
    try Mounts.mount("proc", at: "/proc")
  }
}
