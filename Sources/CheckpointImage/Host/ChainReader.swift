/// Reads the memory of a program from an image and all those that it needs.
public struct ChainReader<Source: ImageSource> {
  private let chain: ImageChain
  private var images: [CheckedImage<Source>]

  /// - Parameter sources: the images of the chain, newest first.
  /// - Throws: `ImageError`, or what a source throws.
  public init(_ chain: ImageChain, _ sources: [Source]) throws {
    self.chain = chain
    images = []
    for (head, source) in zip(chain.heads, sources) {
      images.append(try CheckedImage(head, source))
    }
  }

  /// The page of private memory that an address lies in; `nil`: no image has it.
  ///
  /// - Parameter files: reads the files that images refer to.
  /// - Throws: `ImageError`, `.damagedData` for one thing; or what a source or `files` throws.
  public mutating func page(
    at address: UInt64, files: CheckpointImageFile.FileReader
  ) throws -> [UInt8]? {
    guard address < 1 << 47 else { return nil }
    let start = address & ~4095
    switch chain.parts(start, start + 4096, from: 0).first?.source {
    case .image(let place):
      return try images[place.link].read(
        at: place.fileOffset, byteCount: 4096, firstPiece: place.firstPiece
      ).bytes
    case .file(let place):
      let path = chain.heads[place.link].path(ofRun: place.run)
      let bytes = try files(path, place.fileOffset, 4096)
      let digests = try images[place.link].digests(place.firstPiece, 1)
      guard bytes.firstPage(unlike: digests) == nil else {
        throw ImageError(.damagedData, at: place.fileOffset, digests[0])
      }
      return bytes
    default: return nil
    }
  }
}
