/// Adds a line to the trace of this program: what was decided, or which phase begins, and why.
///
/// `%u` and `%d` stand for a number, `%x` for one in hexadecimal, `%b` for bytes, `%t` for nanoseconds,
/// `%e` for an error, `%s` for a constant text. Stopped-world safe: no lock, no allocation; one system call, for the time.
@inline(__always) public func trace(_ text: StaticString) { TraceRing.own.add(text) }

@inline(__always) public func trace<A: TraceValue>(_ text: StaticString, _ a: A) {
  TraceRing.own.add(text, a.traceBits)
}

@inline(__always)
public func trace<A: TraceValue, B: TraceValue>(_ text: StaticString, _ a: A, _ b: B) {
  TraceRing.own.add(text, a.traceBits, b.traceBits)
}

@inline(__always)
public func trace<A: TraceValue, B: TraceValue, C: TraceValue>(
  _ text: StaticString, _ a: A, _ b: B, _ c: C
) {
  TraceRing.own.add(text, a.traceBits, b.traceBits, c.traceBits)
}

@inline(__always)
public func trace<A: TraceValue, B: TraceValue, C: TraceValue, D: TraceValue>(
  _ text: StaticString, _ a: A, _ b: B, _ c: C, _ d: D
) {
  TraceRing.own.add(text, a.traceBits, b.traceBits, c.traceBits, d.traceBits)
}
