internal import Kernel

/// The process made dumpable for as long as this lives.
///
/// One that is not can't open its own files under /proc/self: memory, auxv, syscall. Its owner's other
/// programs could look into it meanwhile, for the length of a checkpoint.
///
/// Source: PR_SET_DUMPABLE(2const).
struct OpenedProcess: ~Copyable {
  /// Whether it was before.
  let wasDumpable: Bool

  init() {
    wasDumpable = Prctl.result(Prctl.getDumpable) == 1
    if !wasDumpable { _ = try? Prctl.call(Prctl.setDumpable, 1) }
  }

  deinit {
    // 2, the state after a change of ids, can't be set; 0 differs from it only in who may own a core.
    if !wasDumpable { _ = try? Prctl.call(Prctl.setDumpable, 0) }
  }
}
