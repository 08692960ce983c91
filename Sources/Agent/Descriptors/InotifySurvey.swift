internal import CImage
internal import Kernel
internal import KernelABI

enum InotifySurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ survey: inout Survey
  ) throws(CaptureFailure) {
    throw item.refused(.unknownDescriptorKind)
  }
}
