internal import CheckpointKit

/// One paragraph on where this ran.
func machineText() -> String {
  func text(_ path: String) -> String { (try? HostFiles.text(of: path)) ?? "" }
  func field(_ path: String, _ name: String) -> String {
    let line = text(path).split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":").dropFirst().first.map { trimmed(String($0)) } ?? "?"
  }
  let processors = text("/proc/cpuinfo").split(separator: "\n").filter {
    $0.hasPrefix("processor")
  }.count
  let virtual = field("/proc/cpuinfo", "flags").contains("hypervisor") ? ", virtual machine" : ""
  return """
    \(dateText()); \(processors) × \(field("/proc/cpuinfo", "model name"))\(virtual); \
    memory \(field("/proc/meminfo", "MemTotal")); \
    Linux \(trimmed(text("/proc/sys/kernel/osrelease"))); \
    huge pages \(trimmed(text("/sys/kernel/mm/transparent_hugepage/enabled"))); load \(loadText())

    """
}

/// Whether the kernel gives huge pages to those who don't ask.
func everybodyGetsHugePages() -> Bool {
  let setting = try? HostFiles.text(of: "/sys/kernel/mm/transparent_hugepage/enabled")
  return setting?.contains("[always]") ?? false
}

private func trimmed(_ text: String) -> String {
  String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
}

/// How busy the machine was in the last one, five and fifteen minutes.
///
/// Source: proc_loadavg(5).
func loadText() -> String {
  let text = (try? HostFiles.text(of: "/proc/loadavg")) ?? ""
  return text.split(separator: " ").prefix(3).joined(separator: " ")
}
