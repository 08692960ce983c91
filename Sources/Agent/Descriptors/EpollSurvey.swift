internal import CImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// An epoll descriptor with its set.
enum EpollSurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ survey: inout Survey, _ list: OpenFileList
  ) throws(CaptureFailure) {
    let text = try item.information(&survey)
    file.kind = CKPT_FILE_EPOLL
    var writer = try DetailWriter(item, &survey)
    var cursor = TextCursor(text.span)
    while let entry = cursor.nextEpollEntry() {
      guard let target = target(of: entry, item, survey, list) else {
        throw item.refused(.peerOutside)
      }
      let record = ckpt_epoll_entry(
        number: entry.number, events: entry.events, data: entry.data, file: UInt32(target),
        reserved: 0)
      try item.doing { () throws(Errno) in try writer.append(record, &survey) }
    }
    file.detail = try writer.end(item, &survey)
  }

  /// The file that an entry watches: mostly the one at its number, but that may be closed by now,
  /// or another file's.
  private static func target(
    of entry: FdinfoEpollEntry, _ item: OpenFile, _ survey: Survey, _ list: OpenFileList
  ) -> Int? {
    if let index = file(at: entry.number, survey), matches(index, entry, item, survey, list) {
      return index
    }
    for index in 0..<survey.files.count where matches(index, entry, item, survey, list) {
      return index
    }
    return nil
  }

  private static func matches(
    _ index: Int, _ entry: FdinfoEpollEntry, _ item: OpenFile, _ survey: Survey,
    _ list: OpenFileList
  ) -> Bool {
    guard survey.files[index].inode == entry.inode, survey.files[index].device == entry.device
    else { return false }
    return Descriptors.isWatched(
      list.number(of: index), by: item.number, as: entry.number, process: list.process)
      ?? (file(at: entry.number, survey) == index)
  }

  /// Descriptors are in the order of their numbers.
  private static func file(at number: Int32, _ survey: Survey) -> Int? {
    var low = 0
    var high = survey.descriptors.count
    while low < high {
      let middle = (low + high) / 2
      if survey.descriptors[middle].number < number { low = middle + 1 } else { high = middle }
    }
    guard low < survey.descriptors.count, survey.descriptors[low].number == number else {
      return nil
    }
    return Int(survey.descriptors[low].file)
  }
}
