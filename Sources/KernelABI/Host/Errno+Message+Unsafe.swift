internal import Glibc

extension Errno {
  /// Words only, in lower case: "no such file or directory".
  ///
  /// strerror(3) gives a text that lives until the thread calls it again; it is copied at once.
  public var message: String {
    let text = unsafe strerror(rawValue).map { unsafe String(cString: $0) }
    return (text ?? "unknown error").lowercased()
  }
}
