internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

enum DirectorySurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft
  ) throws(CaptureFailure) {
    guard item.isNamed("/") else { throw item.refused(.contentsUnreadable) }
    file.kind = CKPT_FILE_DIRECTORY
    file.path = try item.doing { () throws(Errno) in
      try draft.string(at: item.link, byteCount: item.linkByteCount)
    }
    var writer = try DetailWriter(item, &draft)
    file.detail = try writer.end(item, locks: !item.isPath, &draft)
  }
}
