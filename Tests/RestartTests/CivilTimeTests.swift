import Foundation
import Testing

@testable import Restart

@Suite struct CivilTimeTests {
  /// Every day for 400 years, and a second of each.
  @Test func agreesWithTheCalendar() {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    for day in 0..<146_097 as Range<UInt64> {
      let seconds = day * 86400 + day * 7919 % 86400
      let time = CivilTime(secondsSince1970: seconds)
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second],
        from: Date(timeIntervalSince1970: Double(seconds)))
      guard parts.year == Int(time.year), parts.month == Int(time.month),
        parts.day == Int(time.day), time.second == seconds % 86400
      else {
        Issue.record("day \(day): \(time), not \(parts)")
        return
      }
    }
  }
}
