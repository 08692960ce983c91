internal import CImage
internal import CheckpointImage
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
      let own = list.descriptor(of: item.index)
      let isRepeated = Descriptors.isWatched(own, by: own, as: entry.number, place: 1) != nil
      let place = isRepeated ? place(of: entry.number, in: text, to: cursor.offset) : 0
      let target = peers.target(of: entry) {
        Descriptors.isWatched(list.descriptor(of: $0), by: own, as: entry.number, place: place)
      }
      guard case .own(let target) = target else { throw item.refused(.peerOutside) }
      let record = ckpt_epoll_entry(
        number: entry.number, events: entry.events, data: entry.data, file: UInt32(target),
        reserved: 0)
      try item.doing { () throws(Errno) in try writer.append(record, &draft) }
    }
    file.detail = try writer.end(item, &draft)
  }

  /// How many entries of the same number the set lists before this one.
  private static func place(of number: Int32, in text: RawBytes, to end: Int) -> UInt32 {
    var cursor = TextCursor(text.span)
    var count: UInt32 = 0
    while let entry = cursor.nextEpollEntry(), cursor.offset < end {
      if entry.number == number { count += 1 }
    }
    return count
  }
}
