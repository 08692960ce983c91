/// What a shell over there is told to do: any shell of POSIX, with mktemp(1), head(1), chmod(1), rm(1).
///
/// It takes the program `restart` from standard input into a folder of its own, opens it, removes the
/// folder, and becomes it: nothing is left, whatever happens. Words go to standard output, each with
/// `FarWord.mark`; what the login shell says besides is passed over.
struct FarScript {
  /// Of the program `restart`.
  var byteCount: UInt64
  var ids: MigrationOrder.IDs

  /// Seconds without a byte.
  var patience: UInt64
  var output: String

  /// For `restart --map`.
  var map: [String] = []

  /// One word for any login shell: it has no single quote and no exclamation mark of its own.
  var command: String { "exec sh -c \(Self.quoted(text))" }

  /// Folders in which a file can be run, best first.
  private var text: String {
    """
    umask 077; d=; \
    for p in "${TMPDIR:-/tmp}" /var/tmp "${XDG_RUNTIME_DIR:-/run}" "$HOME"; do \
    d=$(mktemp -d "$p/ckpt.XXXXXXXXXX" 2>/dev/null) || { d=; continue; }; \
    trap "rm -rf \\"$d\\"" 0; trap "exit 1" 1 2 13 15; \
    echo : > "$d/restart" && chmod 700 "$d/restart" && "$d/restart" 2>/dev/null && break; \
    rm -rf "$d"; d=; done; \
    [ -n "$d" ] || { echo "ckpt: no folder to put a program in: set TMPDIR" >&2; exit 73; }; \
    echo "\(FarWord.mark)send"; \
    head -c \(byteCount) > "$d/restart" || exit 74; \
    [ "$(wc -c < "$d/restart")" -eq \(byteCount) ] || exit 74; \
    "$d/restart" --version > /dev/null || exit 69; \
    exec 8<&0 7>&1 0</dev/null 1>>\(Self.doubleQuoted(output)) 9<"$d/restart" || exit 73; \
    echo "\(FarWord.mark)have" >&7; \
    trap - 0; rm -rf "$d"; \
    exec /proc/self/fd/9 --detach --staged=7 --from-descriptor=8 --idle=\(patience)\(idWord)\(mapWords)
    """
  }

  private var idWord: String {
    switch ids {
    case .same: ""
    case .private: " --private-pids"
    case .fresh: " --fresh-pids"
    }
  }

  private var mapWords: String {
    map.map { " --map \(Self.doubleQuoted($0))" }.joined()
  }

  /// As one word of a shell.
  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }

  /// As one word within the script, nothing in it expanded.
  private static func doubleQuoted(_ text: String) -> String {
    var result = "\""
    for character in text {
      if "\\\"$`".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result + "\""
  }
}

/// What the other side says.
enum FarWord: Equatable {
  static let mark = "ckpt-migrate "

  /// The shell takes the program now; has it.
  case send, have

  /// Everything is in place; the program runs; it does not and never has.
  case ready
  case runs(Int32)
  case failed

  /// `nil` for a line of somebody else's.
  init?(line: String) {
    guard line.hasPrefix(Self.mark) else { return nil }
    let words = line.dropFirst(Self.mark.count).split(separator: " ")
    switch (words.first, words.count) {
    case ("send", 1): self = .send
    case ("have", 1): self = .have
    case ("ready", 1): self = .ready
    case ("failed", 1): self = .failed
    case ("runs", 2):
      guard let pid = Int32(words[1]), pid > 0 else { return nil }
      self = .runs(pid)
    default: return nil
    }
  }
}
