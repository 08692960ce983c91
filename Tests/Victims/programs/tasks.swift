// A Swift program with async tasks, an actor and a task group; prints one line per round. Results don't depend
// on the order in which the tasks run.
#if canImport(Glibc)
import Glibc
#endif

actor Ledger {
  private var entries: [Int: UInt64] = [:]
  func enter(_ value: UInt64, at index: Int) { entries[index] = value }
  func total() -> UInt64 { entries.sorted { $0.key < $1.key }.reduce(0) { $0 &* 31 &+ $1.value } }
}

func collatz(_ seeds: Range<UInt64>) async -> UInt64 {
  var steps: UInt64 = 0
  for seed in seeds {
    var value = seed
    while value > 1 {
      value = value % 2 == 0 ? value / 2 : 3 &* value &+ 1
      steps &+= 1
    }
    if seed % 512 == 0 { await Task.yield() }
  }
  return steps
}

@main
struct Tasks {
  static func main() async {
    for round in 0..<200 as Range<UInt64> {
      let ledger = Ledger()
      await withTaskGroup(of: Void.self) { group in
        for part in 0..<12 as Range<UInt64> {
          group.addTask {
            let start = round * 12_000 + part * 1_000 + 1
            await ledger.enter(collatz(start..<start + 24_000), at: Int(part))
          }
        }
      }
      print("round \(round): \(await ledger.total())")
      fflush(nil)
    }
  }
}
