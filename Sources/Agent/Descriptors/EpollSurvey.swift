internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// An epoll descriptor with its set.
enum EpollSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    let text = try item.information(&draft)
    file.kind = CKPT_FILE_EPOLL
    var writer = try DetailWriter(item, &draft)
    var cursor = TextCursor(text.span)
    let peers = list.peers(in: draft)
    while let entry = cursor.nextEpollEntry() {
      let target = peers.target(of: entry) {
        Descriptors.isWatched(
          list.descriptor(of: $0), by: list.descriptor(of: item.index), as: entry.number)
      }
      guard case .own(let target) = target else { throw item.refused(.peerOutside) }
      let record = ckpt_epoll_entry(
        number: entry.number, events: entry.events, data: entry.data, file: UInt32(target),
        reserved: 0)
      try item.doing { () throws(Errno) in try writer.append(record, &draft) }
    }
    file.detail = try writer.end(item, &draft)
  }
}
