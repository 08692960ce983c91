internal import Kernel
internal import KernelABI

/// Makes a full-screen program draw itself on the terminal where it was brought back.
///
/// The terminal is another, or shows other text by now, and the program can't know. A change of the
/// size is what programs draw themselves anew for: one that only looks whether the size is another (ncurses)
/// has to see another, so the terminal is a row smaller for a moment.
enum TerminalRedraw {
  /// How long the terminal is smaller, in nanoseconds.
  ///
  /// A program that SIGWINCH wakes reads the size meanwhile. Nobody tells whether it has; too short a time
  /// costs the drawing, nothing else.
  private static let moment: UInt64 = 500_000_000

  /// Does nothing for a program that is not in front.
  ///
  /// One without a handler for SIGWINCH notices nothing.
  ///
  /// Source: ioctl_tty(2), TIOCSWINSZ; signal(7), SIGWINCH.
  static func run(_ terminal: Terminal, group: Int32) {
    guard terminal.exists, terminal.frontGroup == group,
      let size = try? Terminals.size(terminal.descriptor), size[0] > 0
    else { return }
    // A signal that comes while the agent still leaves would not end the call that the program waits in.
    Clock.sleep(nanoseconds: moment / 4)
    var smaller = size
    smaller[0] = size[0] > 1 ? size[0] - 1 : size[0] + 1
    guard (try? Terminals.setSize(terminal.descriptor, smaller)) != nil else { return }
    Clock.sleep(nanoseconds: moment)
    // Whoever resized it meanwhile was right.
    guard let now = try? Terminals.size(terminal.descriptor), now[0] == smaller[0],
      now[1] == smaller[1]
    else { return }
    try? Terminals.setSize(terminal.descriptor, size)
  }
}
