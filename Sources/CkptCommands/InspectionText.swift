internal import CheckpointImage
internal import CheckpointKit

/// An inspection as people read it.
struct InspectionText {
  private let inspection: Inspection
  private var file: CheckpointImageFile { inspection.file }

  init(_ inspection: Inspection) { self.inspection = inspection }

  var text: String {
    ([process, needs, threads, regions, objects, descriptors, signals, timers]
      .filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
      .joined(separator: "\n\n")) + "\n"
  }

  private var process: [String] {
    let process = file.process
    let image = file.image
    let totals = inspection.totals
    var lines = [
      "process     \(process.pid) \(process.name)",
      "command     \(process.arguments.map(shellWord).joined(separator: " "))",
      "program     \(process.executable)",
      "directory   \(process.directory)",
      "user        \(process.uid):\(process.gid)",
      "saved       \(timeText(image.realtime)), checkpoint \(image.counter), "
        + "on \(file.machine.hostName)",
      "kernel      Linux \(file.machine.kernelRelease)",
      "image       \(image.identity), \(byteCountText(image.fileByteCount))",
      "memory      \(byteCountText(totals.mapped)) in \(totals.regions) regions, "
        + "\(byteCountText(totals.stored)) of it stored",
    ]
    lines += parent
    if totals.files > 0 {
      lines.append(
        "in files    \(byteCountText(totals.files)) of memory, in the program's own files")
    }
    if let label = image.label { lines.insert("label       \(label)", at: 1) }
    if totals.objects > 0 {
      lines.append(
        "shared      \(byteCountText(totals.objects)) of shared memory and queues stored")
    }
    return lines
  }

  /// The image that this one is a change to, and whether all that it needs can be found.
  private var parent: [String] {
    guard let parent = file.image.parent else { return [] }
    let bytes = byteCountText(inspection.totals.parents)
    var lines = ["parent      \(parent.identity), \(parent.name); \(bytes) of memory is there"]
    switch inspection.chain {
    case .found(let ancestors):
      lines += ancestors.map { "  needs     \($0.path), \(byteCountText($0.byteCount))" }
    case .broken(let failure):
      lines.append("  needs     " + failure.failure(reading: inspection.path).sentence)
    case nil: break
    }
    return lines
  }

  private var needs: [String] {
    let needs = inspection.needs
    let here =
      needs.missing.isEmpty
      ? "this machine has them all" : "this machine lacks \(needs.missing.joined(separator: " "))"
    let ids = file.threads.map { String($0.tid) }.prefix(12).joined(separator: " ")
    let more = file.threads.count > 12 ? " …" : ""
    let range = file.regions.filter { $0.kind != .vsyscall }
    let low = range.first.map { hexadecimal($0.start) } ?? "none"
    let high = range.last.map { hexadecimal($0.end) } ?? "none"
    return [
      "to restart",
      "  processor \(file.machine.cpuName); \(here)",
      "  features  \(needs.features.joined(separator: " "))",
      "  kernel    Linux on x86-64; saved on \(file.machine.kernelRelease)",
      "  addresses \(low) to \(high), at the places they had",
      "  IDs       \(ids)\(more), or --fresh-pids",
    ]
  }

  private var threads: [String] {
    var lines = ["threads     \(file.threads.count)"]
    for (index, thread) in file.threads.enumerated() {
      let marks = [
        thread.isMain ? "main" : nil, thread.hasExited ? "exited" : nil,
        thread.systemCall.map { "in system call \($0)" },
        thread.nice == 0 ? nil : "nice \(thread.nice)",
        thread.signalMask == 0 ? nil : "blocks \(signalSet(thread.signalMask))",
      ].compactMap(\.self)
      lines.append("  \(thread.tid) \(thread.name)  \(marks.joined(separator: ", "))")
      guard let backtraces = inspection.backtraces, index < backtraces.count else { continue }
      lines += backtraces[index].frames.enumerated().map { "    #\($0) \($1.text)" }
    }
    return lines
  }

  private var regions: [String] {
    ["regions     \(file.regions.count): addresses, size, stored, what"]
      + file.regions.map { region in
        let size = leftPadded(byteCountText(region.byteCount), 10)
        let stored = leftPadded(
          region.storedByteCount == 0 ? "-" : byteCountText(region.storedByteCount), 10)
        let elsewhere = [
          region.parentByteCount == 0
            ? "" : "(\(byteCountText(region.parentByteCount)) in the parent)",
          region.fileByteCount == 0 ? "" : "(\(byteCountText(region.fileByteCount)) in the file)",
        ]
        let what =
          ([region.kind.rawValue, region.flags.joined(separator: ","), region.path ?? ""]
          + elsewhere)
          .filter { !$0.isEmpty }.joined(separator: " ")
        let range = "\(String(region.start, radix: 16))-\(String(region.end, radix: 16))"
        return "  \(range) \(region.protection) \(size) \(stored)  \(what)"
      }
  }

  private var objects: [String] {
    guard !file.objects.isEmpty else { return [] }
    return ["objects     \(file.objects.count): size, stored, what"]
      + file.objects.enumerated().map { index, object in
        "  \(index) \(byteCountText(object.byteCount)) \(byteCountText(object.storedByteCount))"
          + "  \(object.kind.rawValue) \(object.name ?? "")"
      }
  }

  private var descriptors: [String] {
    ["descriptors \(file.descriptors.count): number, kind, mode, position, path"]
      + file.descriptors.map { descriptor in
        guard Int(descriptor.file) < file.files.count else { return "  \(descriptor.number)" }
        let open = file.files[Int(descriptor.file)]
        let twins = file.descriptors.filter {
          $0.file == descriptor.file && $0.number != descriptor.number
        }.map { String($0.number) }
        let shared = twins.isEmpty ? "" : "  (shared with \(twins.joined(separator: ", ")))"
        let flags = (statusFlags(open.statusFlags) + (descriptor.closesOnExec ? ["cloexec"] : []))
          .joined(separator: ",")
        return "  \(descriptor.number) \(open.kind) \(flags) \(open.position) "
          + "\(open.path ?? "")\(shared)"
      }
  }

  private var signals: [String] {
    guard !(file.signals.isEmpty && file.pendingSignals.isEmpty) else { return [] }
    return ["signals"]
      + file.signals.map {
        "  \(signalName($0.signal)) \($0.handler == 1 ? "ignored" : hexadecimal($0.handler))"
      }
      + file.pendingSignals.map {
        "  \(signalName(Int($0.signal))) pending for "
          + ($0.tid.map { "thread \($0)" } ?? "the process")
      }
  }

  private var timers: [String] {
    guard !file.timers.isEmpty else { return [] }
    return ["timers"]
      + file.timers.map { timer in
        let next = timer.remaining.map { "in \(durationText($0))" } ?? "disarmed"
        let interval = timer.interval == 0 ? "" : ", every \(durationText(timer.interval))"
        return "  \(timer.kind.rawValue) \(timer.identifier): \(next)\(interval)"
      }
  }
}

extension Backtrace.Frame {
  /// "0x7f… poll+0x4f in libc.so.6".
  fileprivate var text: String {
    let place = function.map { name in "\(name)+\(hexadecimal(offset ?? 0))" } ?? "??"
    return "\(hexadecimal(address)) \(place)" + (module.map { " in \($0.namePart)" } ?? "")
  }
}

/// Words of O_ bits.
///
/// Source: open(2); `include/uapi/asm-generic/fcntl.h`.
private func statusFlags(_ bits: UInt32) -> [String] {
  let access = bits & 0o10000000 != 0 ? "path" : ["r", "w", "rw", "?"][Int(bits & 3)]
  let append = bits & 0o2000 != 0 ? ["append"] : []
  return [access] + append + (bits & 0o4000 != 0 ? ["nonblock"] : [])
}

/// "SIGINT SIGTERM", or a count when there are many.
private func signalSet(_ mask: UInt64) -> String {
  let numbers = (1...64).filter { mask >> UInt64($0 - 1) & 1 == 1 }
  return numbers.count > 6
    ? "\(numbers.count) signals" : numbers.map(signalName).joined(separator: " ")
}

private func leftPadded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

/// A word as one would type it.
private func shellWord(_ word: String) -> String {
  let plain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:=,+@%".contains($0) }
  guard !plain || word.isEmpty else { return word }
  return "'"
    + word.split(separator: "'", omittingEmptySubsequences: false)
    .joined(separator: "'\\''") + "'"
}
