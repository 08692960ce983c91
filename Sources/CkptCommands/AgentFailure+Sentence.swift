internal import CheckpointKit
internal import KernelABI

extension AgentFailure {
  func failure(saving program: String) -> CommandFailure {
    CommandFailure(
      "cannot save \(program): \(words)", status: errno?.status ?? .failed,
      hints: [hint].compactMap(\.self))
  }

  /// What it was working on, and why that failed.
  var words: String {
    let why = [sentence, reason?.sentence].compactMap(\.self).joined(separator: ": ")
    // Not that no file is there.
    guard let errno, step != .copyAhead || errno != .noSuchFile else { return why }
    return why + (reason == nil ? ": \(errno.words)" : " (\(errno.name))")
  }

  /// What it was working on.
  private var sentence: String {
    switch step {
    case .prepare: "the agent can't prepare its tables"
    case .stopThread: "thread \(subject)"
    case .threadState: "the state of thread \(subject) can't be read"
    case .readRegions: "its memory map can't be read"
    case .region: "the region at \(hexadecimal(subject))\(nameInParentheses)"
    case .scanPages: "the pages at \(hexadecimal(subject)) can't be counted"
    case .descriptors: "its descriptors can't be listed"
    case .descriptor: "descriptor \(subject)\(nameInParentheses)"
    case .process: "its identity and limits can't be read"
    case .signals: "its handling of \(signalName(Int(clamping: subject))) can't be read"
    case .timers: "its timers can't be read"
    case .openImage: "\(nameOrImage) can't be made"
    case .writeImage where subject > 0:
      "\(nameOrImage) can't be written after \(byteCountText(subject))"
    case .writeImage: "\(nameOrImage) can't be written"
    case .synchronizeImage: "\(nameOrImage) can't be brought to the disk"
    case .renameImage: "\(nameOrImage) can't get its name"
    case .control: "the agent can't talk to ckpt"
    case .layout: "it has more parts than an image can hold"
    case .restartProgram:
      "the program restart\(nameInParentheses) can't be made the beginning of an executable"
    case .openParent: "\(nameOrImage), of which the image was to have the changes, can't be read"
    case .copyAhead where errno == .noSuchFile: "it has no region of 4 MiB that is its own"
    case .copyAhead: "what it writes can't be noted"
    case nil: "its agent is newer than this ckpt, and has a reason that ckpt doesn't know"
    }
  }

  private var nameInParentheses: String { name.isEmpty ? "" : " (\(name))" }
  private var nameOrImage: String { name.isEmpty ? "the image" : name }

  private var hint: String? {
    if let hint = reason?.hint { return hint }
    return switch step {
    case .openImage, .writeImage, .synchronizeImage, .renameImage: errno?.outputHint
    case .openParent: "save again: the next image has all of the memory, and needs no other"
    case .prepare: "the program is short of memory or address space (ulimit -v)"
    case .descriptors, .control: errno == .tooManyOpen ? Reason.tooManyDescriptors.hint : nil
    case .restartProgram: "CKPT_RESTART names one that belongs to this ckpt"
    case nil: "use the ckpt that came with the libckpt.so it was started with"
    default: nil
    }
  }
}

extension AgentFailure.Reason {
  /// The second half of the sentence.
  var sentence: String {
    switch self {
    case .threadDoesNotStop: "does not stop"
    case .threadBlocksEverySignal: "blocks every signal"
    case .deviceMapping: "is a device's memory"
    case .userfaultfdRegion: "is served by a userfaultfd"
    case .shadowStack: "is a shadow stack"
    case .unknownDescriptorKind: "is of a kind that can't be restored yet"
    case .ioUring: "is an io_uring"
    case .connectionInProgress: "is a connection that is still being made"
    case .descriptorsInFlight: "holds descriptors that were sent and not yet received"
    case .tooManyDescriptors: "the table of descriptors is full"
    case .contentsUnreadable: "has contents that can't be read"
    case .peerOutside: "leads to another process"
    case .protectionKey: "has a protection key that can't be had"
    case .hugePagesUnreadable: "has huge pages that can't be read"
    case .unknownSpecialRegion: "is special memory of a kind that ckpt doesn't know"
    }
  }

  var hint: String? {
    switch self {
    case .threadDoesNotStop: "it may be inside vfork(2) or wait for a disk: try again in a moment"
    case .threadBlocksEverySignal: "try again when the thread has opened its signal mask"
    case .deviceMapping: "let the program close the device (a GPU, for example) before it is saved"
    case .userfaultfdRegion: "let the program give up its userfaultfd before it is saved"
    case .shadowStack: "start it with GLIBC_TUNABLES=glibc.cpu.hwcaps=-SHSTK"
    case .unknownDescriptorKind, .peerOutside: "let the program close it before it is saved"
    case .ioUring: "start the program with io_uring switched off (UV_USE_IO_URING=0 for node)"
    case .connectionInProgress, .descriptorsInFlight: "try again in a moment"
    case .tooManyDescriptors: "raise the limit with ulimit -n; the agent needs a few of its own"
    case .contentsUnreadable, .protectionKey, .hugePagesUnreadable, .unknownSpecialRegion: nil
    }
  }
}
