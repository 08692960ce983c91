internal import CheckpointKit

/// One paragraph on where this ran.
func machineText() -> String {
  func text(_ path: String) -> String { (try? Files.text(of: path)) ?? "" }
  func field(_ path: String, _ name: String) -> String {
    let line = text(path).split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":").dropFirst().first.map { trimmed(String($0)) } ?? "?"
  }
  let processors = text("/proc/cpuinfo").split(separator: "\n").filter {
    $0.hasPrefix("processor")
  }.count
  let virtual = field("/proc/cpuinfo", "flags").contains("hypervisor") ? ", virtual machine" : ""
  let load = text("/proc/loadavg").split(separator: " ").prefix(3).joined(separator: " ")
  return """
    \(dateText()); \(processors) × \(field("/proc/cpuinfo", "model name"))\(virtual); \
    memory \(field("/proc/meminfo", "MemTotal")); \
    Linux \(trimmed(text("/proc/sys/kernel/osrelease"))); \
    huge pages \(trimmed(text("/sys/kernel/mm/transparent_hugepage/enabled"))); load \(load)

    """
}

private func trimmed(_ text: String) -> String {
  String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
}

/// Kind of the file system that holds a folder, by its longest mount point.
///
/// Source: proc_pid_mounts(5).
func fileSystemName(of folder: String) -> String {
  let path = absolutePath(folder)
  var best = ("", "?")
  for line in ((try? Files.text(of: "/proc/self/mounts")) ?? "").split(separator: "\n") {
    let words = line.split(separator: " ").map(String.init)
    guard words.count > 2 else { continue }
    let isAbove = words[1] == "/" || path == words[1] || path.hasPrefix(words[1] + "/")
    if isAbove, words[1].count >= best.0.count { best = (words[1], words[2]) }
  }
  return best.1
}
