extension PageList {
  /// A list as it is in the file.
  ///
  /// - Parameter runs: in address order, without overlaps.
  /// - Returns: nothing where there is nothing to list, or too much.
  public static func bytes(_ runs: [Run]) -> [UInt8] {
    guard !runs.isEmpty, UInt64(runs.count) <= runLimit else { return [] }
    let body = records(of: runs)
    return rawBytes(body.withRawSpan { XXH3.digest($0) }) + body
  }

  /// What a program that is watched leaves: the runs alone, those side by side perhaps apart.
  ///
  /// - Returns: `nil` for what is no such thing.
  public static func joined(_ record: [UInt8]) -> [Run]? {
    guard record.count % Int(runByteCount) == 0 else { return nil }
    var runs: [Run] = []
    record.withRawSpan { span in
      for index in 0..<(record.count / Int(runByteCount)) {
        let next = run(index, in: span)
        if let last = runs.last, last.end == next.start, last.isWritten == next.isWritten,
          let count = sum(last.pageCount, next.pageCount)
        {
          runs[runs.count - 1] = Run(
            start: last.start, pageCount: count, isWritten: last.isWritten)
        } else {
          runs.append(next)
        }
      }
    }
    return runs
  }

  private static func sum(_ first: UInt32, _ second: UInt32) -> UInt32? {
    let (sum, isTooLarge) = first.addingReportingOverflow(second)
    return isTooLarge ? nil : sum
  }

  private static func records(of runs: [Run]) -> [UInt8] {
    runs.flatMap { run in
      rawBytes(run.start)
        + rawBytes(UInt64(run.pageCount) | (run.isWritten ? 1 << 32 : 0))
    }
  }
}
