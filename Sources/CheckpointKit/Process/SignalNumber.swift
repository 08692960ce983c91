/// Names of the signals 1...31 of x86-64, in order.
///
/// Source: signal(7).
private let names = [
  "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
  "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
  "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
]

/// What glibc leaves to programs of the 33 real-time signals: 32 and 33 are its own.
private let firstRealTime = 34

/// The number for `12`, `USR2`, `SIGUSR2`, `RTMIN+3` or `RTMAX-1`; `nil` for what can't be caught.
public func signalNumber(_ text: String) -> Int? {
  var name = text.uppercased()
  if name.hasPrefix("SIG") { name.removeFirst(3) }
  let number = Int(name) ?? names.firstIndex(of: name).map { $0 + 1 } ?? realTimeNumber(name)
  guard let number, (1...64).contains(number), ![9, 19, 32, 33].contains(number) else { return nil }
  return number
}

private func realTimeNumber(_ name: String) -> Int? {
  if name == "RTMIN" { return firstRealTime }
  if name == "RTMAX" { return 64 }
  if name.hasPrefix("RTMIN+") { return Int(name.dropFirst(6)).map { firstRealTime + $0 } }
  if name.hasPrefix("RTMAX-") { return Int(name.dropFirst(6)).map { 64 - $0 } }
  return nil
}

/// "SIGUSR2", "SIGRTMIN+3".
public func signalName(_ number: Int) -> String {
  switch number {
  case 1...31: "SIG" + names[number - 1]
  case firstRealTime: "SIGRTMIN"
  case (firstRealTime + 1)...63: "SIGRTMIN+\(number - firstRealTime)"
  case 64: "SIGRTMAX"
  default: "signal \(number)"
  }
}
