internal import CImage
internal import Kernel
internal import KernelABI

/// Finds out what descriptors the program has and what lies behind them.
///
/// Stopped-world safe. Kinds that can't be restored are refused by name. Before the memory survey:
/// the objects that descriptors show are listed here.
enum DescriptorSurvey {
  static func run(
    _ survey: inout Survey, except own: OwnDescriptors
  ) throws(CaptureFailure) {
    var list = try OpenFileList(in: &survey)
    try listNumbers(&survey, except: own)
    try group(&survey, &list)
    for index in 0..<survey.files.count {
      let item = try list.open(index, &survey)
      try KindSurvey.run(item, &survey, list)
    }
    try SocketPairing.run(&survey, list)
  }

  /// Closes what the survey opened for the writer to read from.
  ///
  /// To be called when the image is written, or has failed.
  static func closeTemporaries(_ survey: Survey) {
    var last: Int32 = -1
    for index in 0..<survey.sources.count {
      let source = survey.sources[index]
      guard source.descriptor >= 0, source.descriptor != last,
        !isProgram(source.descriptor, survey)
      else { continue }
      last = source.descriptor
      closeDescriptor(last)
    }
  }

  private static func isProgram(_ number: Int32, _ survey: Survey) -> Bool {
    for index in 0..<survey.descriptors.count
    where survey.descriptors[index].number == number {
      return true
    }
    return false
  }

  private static func listNumbers(
    _ survey: inout Survey, except own: OwnDescriptors
  ) throws(CaptureFailure) {
    do throws(Errno) {
      var own = own
      var entries = try NumberedEntries("/proc/thread-self/fd")
      own.listing = entries.descriptorNumber
      while let number = try entries.next() {
        guard !own.contains(number) else { continue }
        try survey.descriptors.append(
          ckpt_descriptor(
            number: number, flags: try Descriptors.flags(number), file: CKPT_NONE, reserved: 0))
      }
    } catch {
      let isFull = error == .tooManyOpen || error == .outOfMemory
      throw CaptureFailure(
        .descriptors, error, reason: isFull ? .tooManyDescriptors : .unspecified)
    }
  }

  /// Finds the open file description behind every number.
  private static func group(
    _ survey: inout Survey, _ list: inout OpenFileList
  ) throws(CaptureFailure) {
    for index in 0..<survey.descriptors.count {
      var descriptor = survey.descriptors[index]
      do throws(Errno) {
        descriptor.file = UInt32(try list.find(descriptor.number, &survey))
      } catch {
        throw CaptureFailure(
          .descriptor, error, subject: UInt64(UInt32(bitPattern: descriptor.number)))
      }
      survey.descriptors[index] = descriptor
    }
  }
}
