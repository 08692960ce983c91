internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// Finds out what descriptors the program has and what lies behind them.
///
/// In two passes: first all open file descriptions are listed, then each is looked at, since it may
/// be the peer of another. Stopped-world safe. Kinds that can't be restored are refused by name. Before the memory survey:
/// the objects that descriptors show are listed here.
enum DescriptorSurvey {
  static func run(
    _ draft: inout ImageDraft, except own: AgentDescriptors
  ) throws(CaptureFailure) {
    try listNumbers(&draft, except: own)
    let list = try OpenFileList(of: &draft)
    for index in 0..<draft.files.count {
      let item = try list.open(index, &draft)
      try KindSurvey.run(item, &draft, list)
    }
  }

  /// Closes what the survey opened for the writer to read from.
  ///
  /// To be called when the image is written, or has failed.
  static func closeTemporaries(_ draft: ImageDraft) {
    var last: Int32 = -1
    for index in 0..<draft.sources.count {
      let source = draft.sources[index]
      guard source.descriptor >= 0, source.descriptor != last,
        !isProgram(source.descriptor, draft)
      else { continue }
      last = source.descriptor
      closeDescriptor(last)
    }
  }

  private static func isProgram(_ number: Int32, _ draft: ImageDraft) -> Bool {
    for index in 0..<draft.descriptors.count
    where draft.descriptors[index].number == number {
      return true
    }
    return false
  }

  private static func listNumbers(
    _ draft: inout ImageDraft, except own: AgentDescriptors
  ) throws(CaptureFailure) {
    do throws(Errno) {
      var own = own
      var entries = try NumberedEntries("/proc/thread-self/fd")
      own.listing = entries.descriptorNumber
      while let number = try entries.next() {
        guard !own.contains(number) else { continue }
        try draft.descriptors.append(
          ckpt_descriptor(
            number: number, flags: try Descriptors.flags(number), file: CKPT_NONE, reserved: 0))
      }
    } catch {
      let isFull = error == .tooManyOpen || error == .outOfMemory
      throw CaptureFailure(
        .descriptors, error, reason: isFull ? .tooManyDescriptors : .unspecified)
    }
  }
}
