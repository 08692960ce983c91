internal import CImage
internal import Kernel
internal import KernelABI

enum SocketSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ survey: inout Survey, _ list: OpenFileList
  ) throws(CaptureFailure) {
    throw item.refused(.unknownDescriptorKind)
  }
}

enum SocketPairing {
  static func run(_ survey: inout Survey, _ list: OpenFileList) throws(CaptureFailure) {}
}
