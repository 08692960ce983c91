internal import CheckpointKit

/// Shows on a terminal what is being done; elsewhere nothing.
func writeProgress(_ text: String) {
  guard isTerminal(2) else { return }
  writeText("\r\u{1B}[K" + (text.isEmpty ? "" : "measuring: \(text)"), to: 2)
}
