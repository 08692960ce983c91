internal import KernelABI

/// Lines of a trace as people read them, made when somebody reads.
public struct TraceLine {
  /// What the times count from, in nanoseconds since 1970.
  private let start: UInt64

  /// - Parameter first: the number of the line that is at second 0.
  public init(of ring: TraceRing, from first: UInt64) {
    start = ring.record(first)?.time ?? Clock.realtime
  }

  /// Gives the lines from `first` on, as they were when it was called; those that can't be had are counted.
  ///
  /// - Returns: the number of the line after the last.
  @discardableResult
  public static func each(
    of ring: TraceRing, from first: UInt64, zero: UInt64? = nil, _ body: (inout Line) -> Void
  ) -> UInt64 {
    let end = ring.count
    let lines = TraceLine(of: ring, from: zero ?? first)
    var number = first
    var lost: UInt64 = 0
    if end > first, end - first > TraceRing.capacity {
      number = end - TraceRing.capacity
      lost = number - first
    }
    while number < end {
      if let record = ring.record(number) {
        say(&lost, body)
        var line = lines.text(of: record)
        body(&line)
      } else {
        lost += 1
      }
      number += 1
    }
    say(&lost, body)
    return end
  }

  private static func say(_ lost: inout UInt64, _ body: (inout Line) -> Void) {
    guard lost > 0 else { return }
    var line = Line("(")
    line.append(decimal: lost)
    line.append(lost == 1 ? " line is lost)\n" : " lines are lost)\n")
    body(&line)
    lost = 0
  }

  /// `SECONDS.MICROSECONDS text`.
  func text(of record: TraceRing.Record) -> Line {
    var line = Line()
    let time = record.time > start ? record.time - start : 0
    line.append(decimal: time / 1_000_000_000)
    line.append(".")
    Self.append(time / 1000 % 1_000_000, digits: 6, to: &line)
    line.append(" ")
    Self.append(record, to: &line)
    line.truncate(to: Line.capacity - 1)
    line.append("\n")
    return line
  }

  private static func append(_ record: TraceRing.Record, to line: inout Line) {
    let bytes = Memory.bytes(
      at: Address(record.text >> 16), count: Int(record.text & 0xFFFF))
    var value = 0
    var index = 0
    while index < bytes.byteCount {
      let byte = bytes.byte(at: index)
      index += 1
      guard byte == UInt8(ascii: "%"), index < bytes.byteCount, value < 4 else {
        line.append(byte)
        continue
      }
      append(record.values[value], as: bytes.byte(at: index), to: &line)
      index += 1
      value += 1
    }
  }

  private static func append(_ value: UInt64, as kind: UInt8, to line: inout Line) {
    switch kind {
    case UInt8(ascii: "d"): line.append(decimal: Int64(bitPattern: value))
    case UInt8(ascii: "x"):
      line.append("0x")
      line.append(hex: value)
    case UInt8(ascii: "b"): append(byteCount: value, to: &line)
    case UInt8(ascii: "t"):
      line.append(decimal: value / 1_000_000)
      line.append(".")
      append(value / 1000 % 1000, digits: 3, to: &line)
      line.append(" ms")
    case UInt8(ascii: "e"): line.append(Errno(rawValue: Int32(truncatingIfNeeded: value)))
    case UInt8(ascii: "s"):
      line.append(at: Address(value >> 16), count: Int(value & 0xFFFF))
    default: line.append(decimal: value)
    }
  }

  private static func append(byteCount: UInt64, to line: inout Line) {
    line.append(decimal: byteCount < 1 << 20 ? byteCount : byteCount >> 10)
    line.append(byteCount < 1 << 20 ? " bytes" : " KiB")
  }

  private static func append(_ value: UInt64, digits: Int, to line: inout Line) {
    var scale: UInt64 = 1
    for _ in 1..<digits { scale *= 10 }
    while scale > 0 {
      line.append(UInt8(truncatingIfNeeded: 0x30 + value / scale % 10))
      scale /= 10
    }
  }
}
