internal import CImage
internal import Kernel
internal import KernelABI

/// The terminal of the program becomes the one that `restart` runs on.
enum TerminalRestore {
  static func open(
    _ index: Int, _ context: FileRestoreContext, _ terminal: inout ControllingTerminal
  ) throws(RestartFailure) {
    let record = try context.record(index, ckpt_file_terminal.self)
    let flags = OpenFlags(rawValue: Int32(bitPattern: context.image.files[index].status_flags))
    guard terminal.exists else {
      return try replace(index, record, flags, context, &terminal)
    }
    let descriptor = terminal.descriptor
    let number = try context.doing("cannot reopen the terminal as", index) { () throws(Errno) in
      let access = OpenFlags(rawValue: flags.rawValue & 3)
      if let number = try? Files.reopen(descriptor, access | .noControllingTerminal) {
        return number
      }
      return try context.standard(descriptor)
    }
    try context.keep(number, as: index)
    if !terminal.isSet {
      terminal.isSet = true
      setModes(record, on: context.opened[index])
    }
  }

  /// A stream that was a terminal has the program's modes, if it is one again.
  static func adapt(
    _ index: Int, _ context: FileRestoreContext, _ terminal: inout ControllingTerminal
  ) throws(RestartFailure) {
    guard !terminal.isSet, (try? Terminals.modes(context.opened[index])) != nil else { return }
    terminal.isSet = true
    setModes(try context.record(index, ckpt_file_terminal.self), on: context.opened[index])
  }

  /// There is no terminal: where `restart` writes, the program writes.
  private static func replace(
    _ index: Int, _ record: ckpt_file_terminal, _ flags: OpenFlags,
    _ context: FileRestoreContext, _ terminal: inout ControllingTerminal
  ) throws(RestartFailure) {
    if !terminal.hasWarned {
      terminal.hasWarned = true
      context.warnings.say(
        "no terminal here: the program goes on with restart's own input and output")
    }
    let isWritable = flags.rawValue & 3 != OpenFlags.readOnly.rawValue
    let stream = (0...2).contains(record.standard) ? record.standard : isWritable ? 1 : 0
    let number = try context.doing("cannot replace the terminal as", index) { () throws(Errno) in
      try context.standard(stream)
    }
    try context.keep(number, as: index)
  }

  /// From the background too, where SIGTTOU would stop us.
  private static func setModes(_ record: ckpt_file_terminal, on number: Int32) {
    let saved = record.modes
    let modes: Terminals.Modes = [
      saved.0, saved.1, saved.2, saved.3, saved.4, saved.5, saved.6, saved.7, saved.8, saved.9,
      saved.10,
    ]
    let mask = Signal.setMask(~0)
    try? Terminals.setModes(number, modes)
    Signal.setMask(mask)
  }
}
