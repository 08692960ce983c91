public import CheckpointImage

/// What a look at every byte of an image and of those that it needs found.
public struct ChainVerification: Sendable {
  public struct Link: Sendable {
    public let path: String
    public let report: VerifyReport
  }

  /// Newest first.
  public let links: [Link]

  public var isIntact: Bool { links.allSatisfy(\.report.isIntact) }

  /// Finds the chain and looks at all of it.
  ///
  /// - Parameter progress: hears how many bytes were looked at, and of how many.
  public init(
    path: String, progress: (_ done: UInt64, _ total: UInt64) -> Void
  ) throws(ChainFailure) {
    let chain = try FileChain(path: path)
    let total = chain.images.heads.reduce(0) { $0 + $1.fileByteCount }
    var done: UInt64 = 0
    var links: [Link] = []
    for (index, file) in chain.files.enumerated() {
      do throws(ImageFailure) {
        let report = try file.verify { progress(done + $0, total) }
        links.append(Link(path: file.path, report: report))
      } catch {
        guard index > 0 else { throw .image(error) }
        throw .parent(path: file.path, child: chain.files[index - 1].path, error)
      }
      done += chain.images.heads[index].fileByteCount
    }
    self.links = links
  }
}

extension ChainVerification: Encodable {
  private enum CodingKeys: CodingKey { case path, parents }

  /// The members of the newest image's report, and all of the others'.
  public func encode(to encoder: any Encoder) throws {
    try links[0].encode(to: encoder)
    guard links.count > 1 else { return }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Array(links.dropFirst()), forKey: .parents)
  }
}

extension ChainVerification.Link: Encodable {
  private enum CodingKeys: CodingKey { case path }

  public func encode(to encoder: any Encoder) throws {
    try report.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(path, forKey: .path)
  }
}
