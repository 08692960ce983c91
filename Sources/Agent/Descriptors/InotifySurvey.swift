internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI
internal import Procfs

/// An inotify descriptor with its watches.
///
/// The kernel tells the inodes that are watched, not their names, and has no way to look at events
/// that wait without taking them: so names are looked for, and waiting events are refused.
enum InotifySurvey {
  static func run(
    _ item: OpenFile, _ file: inout ckpt_file, _ draft: inout ImageDraft, _ list: OpenFileList
  ) throws(CaptureFailure) {
    let waiting = try item.doing { () throws(Errno) in try Descriptors.readable(item.number) }
    guard waiting == 0 else { throw item.refused(.contentsUnreadable) }
    let text = try item.information(&draft)
    let finder = try item.doing { () throws(Errno) -> NameFinder in
      var finder = try watches(in: text, &draft)
      try finder.search(&draft, list)
      return finder
    }
    file.kind = CKPT_FILE_INOTIFY
    var writer = try DetailWriter(item, &draft)
    for index in 0..<finder.wanted.count {
      let wanted = finder.wanted[index]
      guard wanted.path.byte_count > 0 else { throw item.refused(.contentsUnreadable) }
      try item.doing { () throws(Errno) in
        try writer.append(
          ckpt_inotify_watch(
            identifier: wanted.watch.identifier, mask: wanted.watch.mask,
            path_offset: wanted.path.offset, path_bytes: wanted.path.byte_count), &draft)
      }
    }
    file.detail = try writer.end(item, &draft)
  }

  private static func watches(
    in text: RawBytes, _ draft: inout ImageDraft
  ) throws(Errno) -> NameFinder {
    var counter = TextCursor(text.span)
    var count = 0
    while counter.nextWatch() != nil { count += 1 }
    var finder = try NameFinder(capacity: count, in: &draft)
    var cursor = TextCursor(text.span)
    while let watch = cursor.nextWatch() { try finder.want(watch) }
    return finder
  }
}
