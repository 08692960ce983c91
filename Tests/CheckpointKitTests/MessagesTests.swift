import Agent
import CImage
import CheckpointImage
import CheckpointKit
import KernelABI
import Testing

private func words<T>(_ record: T, then text: String = "") -> [UInt8] {
  unsafe withUnsafeBytes(of: record) { unsafe Array($0) } + Array(text.utf8)
}

@Suite struct MessagesTests {
  @Test func aTokenCarriesItsTagAndNamesASocket() {
    let token = ControlToken(random: 0xFFFF_0000_0000_00AB)
    #expect(token.rawValue == 0xC4B7_0000_0000_00AB)
    #expect(token.socketName == "ckpt-c4b70000000000ab")
  }

  @Test func aRequestHasTheLayoutOfTheProtocol() throws {
    var request = ControlRequest(token: ControlToken(random: 5))
    request.passesDescriptor = true
    request.kills = true
    request.path = "/a/b"
    request.manner.isThin = true
    request.label = "héy"
    request.sampledThread = 7
    request.sample = ThreadSample(call: 230)
    let bytes = request.encoded
    #expect(bytes.count == MemoryLayout<ckpt_request>.size + 8)
    let record = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: ckpt_request.self) }
    #expect(record.version == UInt32(CKPT_PROTOCOL_VERSION))
    #expect(record.flags == CKPT_REQUEST_DESCRIPTOR | CKPT_REQUEST_KILL | CKPT_REQUEST_THIN)
    #expect(record.token == request.token.rawValue)
    #expect(record.sampled_tid == 7 && record.sampled_call == 230)
    #expect(record.path_bytes == 4 && record.label_bytes == 4)
    #expect(Array(bytes.suffix(8)) == Array("/a/bhéy".utf8))
    request.path = String(repeating: "x", count: 4096)
    #expect(request.encoded.count == MemoryLayout<ckpt_request>.size + 4)
  }

  @Test func reportsAreUnderstood() throws {
    var record = ckpt_report()
    record.version = UInt32(CKPT_PROTOCOL_VERSION)
    record.kind = CKPT_REPORT_PROGRESS
    record.bytes_done = 3
    record.bytes_total = 9
    #expect(try ControlReport(words(record)) == .progress(.init(done: 3, total: 9)))
    record.kind = CKPT_REPORT_WAITING
    #expect(try ControlReport(words(record)) == .waiting)
    record.kind = CKPT_REPORT_FAILED
    record.step = 8
    record.error = 95
    record.subject = 7
    record.detail = 7
    record.path_bytes = 4
    let failure = AgentFailure(step: 8, errno: 95, subject: 7, reason: 7, name: "pipe")
    #expect(try ControlReport(words(record, then: "pipe")) == .failed(failure))
    #expect(failure.step == .descriptor && failure.reason == .ioUring)
    #expect(failure.errno == .notSupported)
  }

  @Test func everyPrefixOfAReportIsMalformedAndNothingElse() {
    var record = ckpt_report()
    record.version = UInt32(CKPT_PROTOCOL_VERSION)
    record.kind = CKPT_REPORT_DONE
    record.path_bytes = 6
    let bytes = words(record, then: "myckpt")
    for count in 0..<bytes.count {
      #expect(throws: ControlReport.DecodingFailure.malformed) {
        try ControlReport(Array(bytes.prefix(count)))
      }
    }
    record.path_bytes = .max
    #expect(throws: ControlReport.DecodingFailure.malformed) { try ControlReport(words(record)) }
    record.version = 9
    #expect(throws: ControlReport.DecodingFailure.otherVersion(9)) {
      try ControlReport(words(record))
    }
  }

  @Test func decisionsHaveTheLayoutOfTheProtocol() {
    #expect(ControlDecision.keep.encoded == [4, 0, 0, 0, 1, 0, 0, 0])
    #expect(ControlDecision.discard.encoded == [4, 0, 0, 0, 2, 0, 0, 0])
  }
}
