// Measures ckpt against what the machine can do. See docs/PERFORMANCE.md.

internal import CheckpointKit

do throws(BenchFailure) {
  try Bench(options: BenchOptions(Array(CommandLine.arguments.dropFirst()))).run()
} catch {
  writeText("ckpt-bench: \(error.reason)\n", to: 2)
  exitProcess(1)
}
