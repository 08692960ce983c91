#if CKPT_FAULTS
public import KernelABI
internal import Synchronization

/// System calls that are made to fail, in the test builds of this module only.
///
/// Each thread has its own plan, so that tests may run at once. `make check` looks that none of this is in
/// what is shipped.
public enum Faults {
  /// Found in test programs, and nowhere else.
  static let mark: StaticString = "ckpt-faults-are-built-in"

  private struct Plan {
    var number: Int?
    var nth: Int
    var errno: Errno

    /// Calls so far that the plan is about.
    var count = 0
  }

  private static let plans = Mutex<[Int: Plan]>([:])
  private static let planCount = Atomic<Int>(0)

  /// Runs `body` with the `nth` system call of this thread failing, from 1; only calls of one kind count if
  /// `number` names it.
  ///
  /// - Returns: what `body` gave, and whether there was such a call.
  public static func failing<R>(
    call nth: Int, of number: Int? = nil, with errno: Errno, _ body: () throws -> R
  ) rethrows -> (result: R, happened: Bool) {
    let thread = Self.thread
    plans.withLock { $0[thread] = Plan(number: number, nth: nth, errno: errno) }
    planCount.add(1, ordering: .sequentiallyConsistent)
    defer {
      planCount.subtract(1, ordering: .sequentiallyConsistent)
      plans.withLock { $0[thread] = nil }
    }
    let result = try body()
    return (result, plans.withLock { $0[thread].map { $0.count >= $0.nth } ?? false })
  }

  /// What a call is to give instead of being made; `nil`: it is made.
  @inline(never)
  static func answer(to number: Int) -> Int? {
    guard planCount.load(ordering: .sequentiallyConsistent) > 0 else { return nil }
    let thread = Self.thread
    return plans.withLock { (plans) -> Int? in
      guard var plan = plans[thread], plan.number ?? number == number,
        plan.number != nil || !neverFails(number)
      else { return nil }
      plan.count += 1
      plans[thread] = plan
      return plan.count == plan.nth ? 0 - Int(plan.errno.rawValue) : nil
    }
  }

  /// What the kernel always answers (getpid(2), gettid(2)).
  private static func neverFails(_ number: Int) -> Bool {
    number == SyscallNumber.getpid || number == SyscallNumber.gettid
  }

  private static var thread: Int { unmockedSystemCall(SyscallNumber.gettid) }
}
#endif
