/// What a checkpoint was doing when it failed.
///
/// Agent and `ckpt` compile this one table, so both say the same words for the same number.
/// Raw values are part of the agent protocol: append, never renumber.
public enum CaptureStep: UInt32, Sendable, BitwiseCopyable {
  case prepare = 1  // memory for the agent's own tables
  case stopThread = 2  // subject: TID
  case threadState = 3  // subject: TID
  case readRegions = 4
  case region = 5  // a region that can't be restored; subject: its start, named
  case scanPages = 6  // subject: start of the region
  case descriptors = 7  // reading the descriptor table
  case descriptor = 8  // one that can't be restored; subject: its number, named
  case process = 9  // identity, limits, directories
  case signals = 10  // subject: signal
  case timers = 11
  case openImage = 12  // named: the path
  case writeImage = 13  // subject: bytes written, named
  case synchronizeImage = 14
  case renameImage = 15
  case control = 16  // the control socket
  case layout = 17  // more than the format can hold
  case restartProgram = 18  // `restart`, for a snapshot executable; named, if it was looked for
  case openParent = 19  // an image that the new one was to be a change to, named: the path
  case copyAhead = 20  // while the program runs

  /// The first half of the sentence; the reason or the errno is the second one.
  public var phrase: CapturePhrase {
    switch self {
    case .prepare: CapturePhrase("the agent can't prepare its tables")
    case .stopThread: CapturePhrase("thread ", .decimal)
    case .threadState: CapturePhrase("the state of thread ", .decimal, " can't be read")
    case .readRegions: CapturePhrase("its memory map can't be read")
    case .region: CapturePhrase("the region at ", .hexadecimal)
    case .scanPages: CapturePhrase("the pages at ", .hexadecimal, " can't be counted")
    case .descriptors: CapturePhrase("its descriptors can't be listed")
    case .descriptor: CapturePhrase("descriptor ", .decimal)
    case .process: CapturePhrase("its identity and limits can't be read")
    case .signals: CapturePhrase("its handling of ", .signal, " can't be read")
    case .timers: CapturePhrase("its timers can't be read")
    case .openImage: CapturePhrase("", .image, " can't be made")
    case .writeImage: CapturePhrase("", .writtenImage, " can't be written")
    case .synchronizeImage: CapturePhrase("", .image, " can't be brought to the disk")
    case .renameImage: CapturePhrase("", .image, " can't get its name")
    case .control: CapturePhrase("the agent can't talk to ckpt")
    case .layout: CapturePhrase("it has more parts than an image can hold")
    case .restartProgram:
      CapturePhrase("the program restart", .none, " can't be made the beginning of an executable")
    case .openParent:
      CapturePhrase("", .image, ", of which the image was to have the changes, can't be read")
    case .copyAhead: CapturePhrase("its memory can't be copied while it runs")
    }
  }
}
