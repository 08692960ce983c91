// Adds up, saves itself half-way and ends; the restarted process does the rest. Without the agent it runs in one go.
import Checkpoint

try Checkpoint.on(.restarted) { print("restarted: connections would be made again here") }
let half = CheckpointPolicy(every: 500_000, exitStatus: 0, label: "half-way")
var sum = 0
for step in 1...999_999 {
  sum += step
  do throws(CheckpointError) {
    try Checkpoint.checkpoint(to: "steps.ckpt", half)
  } catch {
    // ENOSYS: there is no agent.
    guard error.errno == 38 else { fatalError(error.description) }
  }
}

// In a task, which waits while a thread of its own makes the call.
func saveTheEnd() async throws(CheckpointError) -> Checkpoint.Result {
  try await Checkpoint.checkpoint(to: "end.ckpt")
}
if Checkpoint.isAvailable {
  let last = try await saveTheEnd()
  precondition(last == .saved)
}
precondition(sum == 499_999_500_000)
print("sum: \(sum), after \(Checkpoint.restarts) restarts")
