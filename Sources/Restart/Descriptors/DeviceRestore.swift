internal import CImage
internal import Kernel
internal import KernelABI

/// /dev/null and its kin.
enum DeviceRestore {
  static func open(_ index: Int, _ bench: Workbench) throws(RestartFailure) {
    let file = bench.image.files[index]
    let record = try bench.record(index, ckpt_file_device.self)
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    let number = try bench.doing("cannot reopen descriptor", index) { () throws(Errno) in
      try Files.open(path: try bench.path(file.path), flags.forReopening)
    }
    try bench.keep(number, as: index)
    let status = try? FileStatus(of: bench.opened[index])
    guard status?.kind == .character, status?.deviceNumber == record.number else {
      throw bench.failure(
        "cannot reopen descriptor", index, why: "another kind of file is there now")
    }
  }
}
