internal import CImage
internal import Kernel
internal import KernelABI

/// /dev/null and its kin.
enum DeviceRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let file = context.image.files[index]
    let record = try context.record(index, ckpt_file_device.self)
    let flags = OpenFlags(rawValue: Int32(bitPattern: file.status_flags))
    let number = try context.doing("cannot reopen descriptor", index) { () throws(Errno) in
      try Files.open(path: try context.path(file.path), flags.forReopening)
    }
    try context.keep(number, as: index)
    let status = try? FileStatus(of: context.opened[index])
    guard status?.kind == .character, status?.deviceNumber == record.number else {
      throw context.failure(
        "cannot reopen descriptor", index, why: "another kind of file is there now")
    }
  }
}
