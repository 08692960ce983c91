internal import Kernel

/// Decides which images of a series stay.
///
/// A pure function of what was found: the newest stay, and whatever they are changes to, down to the
/// images that stand alone.
enum Retention {
  /// Puts the newest first, and marks those that stay.
  ///
  /// - Parameter keep: how many of the newest; 0: all.
  static func decide(_ members: Table<SeriesMember>, keep: UInt32) {
    sort(members)
    for index in 0..<members.count {
      let isNew = keep == 0 || index < Int(keep)
      guard isNew else { return }
      hold(index, members)
    }
  }

  /// Marks an image and those it needs.
  private static func hold(_ first: Int, _ members: Table<SeriesMember>) {
    var next: Int? = first
    // One that is marked has its own marked too; so circles end as well.
    while let index = next, !members[index].stays {
      members.update(index) { $0.stays = true }
      next = find(members[index].parent, members)
    }
  }

  private static func find(
    _ identity: SeriesMember.Identity, _ members: Table<SeriesMember>
  ) -> Int? {
    guard identity != .none else { return nil }
    for index in 0..<members.count where members[index].identity == identity { return index }
    return nil
  }

  /// The highest number first; Shell's method, since sort(2) of the library would allocate.
  private static func sort(_ members: Table<SeriesMember>) {
    var gap = members.count / 2
    while gap > 0 {
      for index in gap..<members.count {
        let member = members[index]
        var place = index
        while place >= gap, members[place - gap].counter < member.counter {
          members[place] = members[place - gap]
          place -= gap
        }
        members[place] = member
      }
      gap /= 2
    }
  }
}
