internal import Glibc

/// Bytes free in the file system of a folder.
///
/// Source: statvfs(3).
func freeByteCount(in folder: String) -> UInt64 {
  var status = statvfs()
  guard unsafe statvfs(folder, &status) == 0 else { return 0 }
  return UInt64(status.f_bavail) * UInt64(status.f_frsize)
}

/// Makes a folder and those above it; one that is there already stays.
func makeFolder(_ path: String) {
  var done = ""
  for part in path.split(separator: "/", omittingEmptySubsequences: false) {
    done += done.isEmpty && part.isEmpty ? "/" : done.isEmpty || done == "/" ? part : "/" + part
    unsafe mkdir(done, 0o755)
  }
}

/// Removes a folder that is empty.
func removeFolder(_ path: String) { unsafe rmdir(path) }

func sleep(milliseconds: UInt32) { usleep(milliseconds * 1000) }

/// Local time, "2026-01-31 12:00".
func dateText() -> String {
  var now = time(nil)
  var parts = unsafe tm()
  unsafe localtime_r(&now, &parts)
  func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
  let day = unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  return unsafe "\(day) \(two(parts.tm_hour)):\(two(parts.tm_min))"
}

func endProcess(_ pid: Int32) { kill(pid, SIGKILL) }

func exitProcess(_ status: Int32) -> Never { exit(status) }
