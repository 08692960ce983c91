internal import KernelABI

/// Refuses a program in a jail that we are not in: the image would bring it back outside.
///
/// The agent itself can't tell: to the program its root is "/". With a mount namespace of its own,
/// as in a container, it is so to us too, and whoever restarts it has to be in there anyway.
///
/// Source: chroot(2), proc_pid_root(5).
func checkRoot(_ pid: Int32) throws(TargetFailure) {
  guard let root = try? HostFiles.linkTarget("/proc/\(pid)/root"), root != "/" else { return }
  throw .confined(pid, root: root)
}
