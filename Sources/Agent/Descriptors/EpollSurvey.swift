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
    while let entry = cursor.nextEpollEntry() {
      guard let target = target(of: entry, item, draft, list) else {
        throw item.refused(.peerOutside)
      }
      let record = ckpt_epoll_entry(
        number: entry.number, events: entry.events, data: entry.data, file: UInt32(target),
        reserved: 0)
      try item.doing { () throws(Errno) in try writer.append(record, &draft) }
    }
    file.detail = try writer.end(item, &draft)
  }

  /// The file that an entry watches: mostly the one at its number, but that may be closed by now,
  /// or another file's.
  private static func target(
    of entry: FdinfoEpollEntry, _ item: OpenFile, _ draft: ImageDraft, _ list: OpenFileList
  ) -> Int? {
    if let index = file(at: entry.number, draft), matches(index, entry, item, draft, list) {
      return index
    }
    for index in 0..<draft.files.count where matches(index, entry, item, draft, list) {
      return index
    }
    return nil
  }

  private static func matches(
    _ index: Int, _ entry: FdinfoEpollEntry, _ item: OpenFile, _ draft: ImageDraft,
    _ list: OpenFileList
  ) -> Bool {
    guard draft.files[index].inode == entry.inode, draft.files[index].device == entry.device
    else { return false }
    return Descriptors.isWatched(
      list.number(of: index), by: item.number, as: entry.number, process: list.process)
      ?? (file(at: entry.number, draft) == index)
  }

  /// Descriptors are in the order of their numbers.
  private static func file(at number: Int32, _ draft: ImageDraft) -> Int? {
    var low = 0
    var high = draft.descriptors.count
    while low < high {
      let middle = (low + high) / 2
      if draft.descriptors[middle].number < number { low = middle + 1 } else { high = middle }
    }
    guard low < draft.descriptors.count, draft.descriptors[low].number == number else {
      return nil
    }
    return Int(draft.descriptors[low].file)
  }
}
