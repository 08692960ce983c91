internal import CImage
internal import Kernel
internal import KernelABI

/// Says that a user namespace shows a program's supplementary groups as somebody else's.
///
/// Only one group can be given there a number, and setgroups(2) is forbidden, so the program is in
/// the groups of whoever restarts it, all but its own shown as 65534.
///
/// Source: user_namespaces(7).
enum GroupsNote {
  static func write(for image: LoadedImage) {
    let detail = image.process.groups
    var others = 0
    for index in 0..<UInt64(detail.byte_count / 4) {
      let group = Memory.load(UInt32.self, at: image.address(of: detail) + index * 4)
      if group != image.process.gid, group != image.process.egid { others += 1 }
    }
    guard others > 0 else { return }
    var line = Line("restart: note: ")
    line.append(decimal: UInt64(others))
    line.append(
      others == 1
        ? " supplementary group of the program shows" : " supplementary groups of the program show")
    line.append(" as 65534 (nogroup) now, and counts as far as it is yours (user_namespaces(7))\n")
    line.write(to: 2)
  }
}
