internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// The file that this process was started from, which is to be the program's own instead.
enum OwnFile {
  /// Changes `/proc/PID/exe`.
  ///
  /// Before anything else of this file is mapped: afterwards the kernel doesn't let it. Where it
  /// can't be changed, it stays this file. The agent sets the same again, and the auxiliary vector with it.
  ///
  /// Source: prctl(2), PR_SET_MM_MAP.
  ///
  /// - Parameters:
  ///   - executable: the program's own, -1 afterwards if it took its place.
  ///   - own: where this program lies.
  static func letGo(_ executable: inout Int32, _ own: AddressRange, for process: ckpt_process) {
    guard executable >= 0 else { return }
    do throws(Errno) {
      try OwnMemory.detachFromFile(own)
      try ProcessAttributes.setMemoryMap(
        ckernel_mm_map(
          start_code: process.start_code, end_code: process.end_code,
          start_data: process.start_data, end_data: process.end_data,
          start_brk: process.start_brk, brk: process.brk, start_stack: process.start_stack,
          arg_start: process.arg_start, arg_end: process.arg_end,
          env_start: process.env_start, env_end: process.env_end, auxv: 0, auxv_size: 0,
          exe_fd: UInt32(bitPattern: executable)))
      closeDescriptor(executable)
      executable = -1
    } catch {}
  }
}
