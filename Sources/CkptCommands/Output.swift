internal import CheckpointKit

/// Text for standard error.
func writeError(_ text: String) { writeText(text, to: 2) }

/// Text for standard output.
func writeOutput(_ text: String) { writeText(text, to: 1) }
