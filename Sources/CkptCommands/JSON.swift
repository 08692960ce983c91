/// A value to be printed as JSON, with the keys in the order they were given.
indirect enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(Int64)
  case unsigned(UInt64)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  static func == (a: JSON, b: JSON) -> Bool { a.text == b.text }

  /// Two spaces of indentation for what is inside.
  var text: String { text(indentation: "") }

  private func text(indentation: String) -> String {
    let inner = indentation + "  "
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let value): return String(value)
    case .unsigned(let value): return String(value)
    case .string(let value): return quoted(value)
    case .array(let values):
      return list(values.map { $0.text(indentation: inner) }, "[", "]", indentation)
    case .object(let members):
      let lines = members.map { "\(quoted($0.0)): \($0.1.text(indentation: inner))" }
      return list(lines, "{", "}", indentation)
    }
  }

  private func list(
    _ items: [String], _ open: String, _ close: String, _ indentation: String
  ) -> String {
    guard !items.isEmpty else { return open + close }
    let lines = items.map { "\(indentation)  \($0)" }.joined(separator: ",\n")
    return "\(open)\n\(lines)\n\(indentation)\(close)"
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
