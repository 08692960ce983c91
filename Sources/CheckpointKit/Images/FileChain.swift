public import CheckpointImage
internal import Kernel
internal import KernelABI

/// Why an image can't be had with all that it needs.
///
/// Paths are those that were tried or opened.
public enum ChainFailure: Error, Equatable, Sendable {
  /// The image itself.
  case image(ImageFailure)

  /// One that another one needs, looked for at these places.
  case missing(name: String, child: String, places: [String])

  /// There is an image of that name, but it is another one.
  case foreign(path: String, child: String, wanted: ImageIdentity, found: ImageIdentity)

  /// One that another one needs is there and can't be read, or isn't an image.
  case parent(path: String, child: String, ImageFailure)

  /// The chain comes back to an image that was there already.
  case cycle(path: String, child: String)

  /// More images than any chain has.
  case tooLong(limit: Int)
}

/// An image and all those that it needs, opened.
public struct FileChain {
  /// Newest first.
  public let files: [ImageFile]
  public let images: ImageChain

  /// No chain is longer: `CKPT_DEPTH_LIMIT` and the newest.
  static let limit = 4097

  /// Opens an image, its parent, the parent's parent and so on, and checks their heads.
  ///
  /// A parent is looked for beside its child under the name that it had, then where it was when
  /// the child was written. What counts is its identity.
  public init(path: String) throws(ChainFailure) {
    let file: ImageFile
    let head: ImageHead
    do throws(ImageFailure) {
      file = try ImageFile(path: path)
      head = try file.head()
    } catch {
      throw .image(error)
    }
    var files = [file]
    var heads = [head]
    var identities: Set<ImageIdentity> = [head.identity]
    while let parent = heads.last?.parent, let child = files.last {
      guard files.count < Self.limit else { throw .tooLong(limit: Self.limit - 1) }
      if files.count == 256 { Self.raiseFileLimit() }
      let found = try ParentFinder(parent, of: child).found()
      guard identities.insert(parent.identity).inserted else {
        throw .cycle(path: found.file.path, child: child.path)
      }
      files.append(found.file)
      heads.append(found.head)
    }
    self.files = files
    images = ImageChain(heads)
  }

  /// Each image is an open file: a long chain may have more than is the custom.
  private static func raiseFileLimit() {
    guard var limit = try? ResourceLimit(ResourceLimit.openFiles) else { return }
    limit.current = limit.maximum
    try? limit.set(ResourceLimit.openFiles)
  }
}

/// Looks for the parent of an image.
private struct ParentFinder {
  private let parent: ImageParent
  private let child: ImageFile

  init(_ parent: ImageParent, of child: ImageFile) {
    self.parent = parent
    self.child = child
  }

  typealias Found = (file: ImageFile, head: ImageHead)

  func found() throws(ChainFailure) -> Found {
    var firstFailure: ChainFailure?
    for place in places {
      do throws(ChainFailure) {
        if let found = try look(at: place) { return found }
      } catch {
        firstFailure = firstFailure ?? error
      }
    }
    throw firstFailure ?? .missing(name: parent.name, child: child.path, places: places)
  }

  /// Beside the child as it was named, beside it where it really is, and where the parent was.
  private var places: [String] {
    // A name has no folders; what has is not looked for beside anything.
    let isName = !parent.name.contains("/")
    var places: [String] = []
    for folder in isName ? [child.path, child.realPath].compactMap(\.self) : [] {
      let place = folder.contains("/") ? "\(folder.folderPart)/\(parent.name)" : parent.name
      if !places.contains(where: { absolutePath($0) == absolutePath(place) }) {
        places.append(place)
      }
    }
    if let path = parent.path, !places.contains(where: { absolutePath($0) == path }) {
      places.append(path)
    }
    return places
  }

  /// `nil` when there is nothing.
  private func look(at place: String) throws(ChainFailure) -> Found? {
    let head: ImageHead
    let file: ImageFile
    do throws(ImageFailure) {
      file = try ImageFile(path: place)
      head = try file.head()
    } catch {
      if error == .unreadable(.noSuchFile) || error == .unreadable(.notDirectory) { return nil }
      throw .parent(path: place, child: child.path, error)
    }
    guard head.identity == parent.identity else {
      throw .foreign(
        path: place, child: child.path, wanted: parent.identity, found: head.identity)
    }
    return (file, head)
  }
}
