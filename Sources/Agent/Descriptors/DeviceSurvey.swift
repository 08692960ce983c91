internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// /dev/null and its kin, and terminals.
enum DeviceSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    file.path = try item.path(&draft)
    if isStateless(item.status.deviceNumber) || item.isPath {
      file.kind = CKPT_FILE_DEVICE
      file.detail = try item.detail(
        ckpt_file_device(number: item.status.deviceNumber), &draft)
      return
    }
    guard item.status.deviceNumber != masterDevice, let modes = try? Terminals.modes(item.number)
    else { throw item.refused(.unknownDescriptorKind) }
    file.kind = CKPT_FILE_TERMINAL
    var record = ckpt_file_terminal()
    record.modes = (
      modes[0], modes[1], modes[2], modes[3], modes[4], modes[5], modes[6], modes[7], modes[8],
      modes[9], modes[10]
    )
    record.standard = list.peers(in: draft).standardNumber(of: item.index) ?? -1
    file.detail = try item.detail(record, &draft)
  }

  /// /dev/ptmx, 5:2: its terminal would have to be made again too.
  private static let masterDevice: UInt64 = 0x502

  /// Memory devices 1:3 null, 1:5 zero, 1:7 full, 1:8 random, 1:9 urandom.
  ///
  /// Source: `Documentation/admin-guide/devices.txt`.
  private static func isStateless(_ number: UInt64) -> Bool {
    switch number {
    case 0x103, 0x105, 0x107, 0x108, 0x109: true
    default: false
    }
  }
}
