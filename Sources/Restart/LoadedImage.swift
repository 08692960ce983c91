internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// An image that was opened, and whose head was read and checked, with those it refers to.
///
/// The head and the tables lie wherever they are said to: they move when the address space is
/// cleared.
struct LoadedImage: BitwiseCopyable {
  /// Where the first `index.headByteCount` bytes of the image lie in memory, and behind them what
  /// `--map` has renamed.
  var head: Address

  /// Of both.
  var headByteCount: UInt64

  var index: ImageIndex

  /// What the data is read from, the image itself first.
  var sources: Table<Source>

  /// Where the bytes of private memory are, in address order.
  var spans: Table<Span>

  /// By region: its first span; one more at the end.
  var firstSpans: Table<UInt32>

  /// The snapshot executable that it is in; `nil`: a file of its own.
  var executable: Executable?

  /// Where all of it comes from; `nil`: from files.
  var stream: StreamInput?

  /// What came before it in the stream.
  var precopied: PrecopiedMemory?

  /// The spans of a region, by index.
  func spans(of region: Int) -> Range<Int> {
    Int(firstSpans[region])..<Int(firstSpans[region + 1])
  }

  /// Closes all that the data is read from.
  func closeSources() {
    for index in 0..<sources.count { closeDescriptor(sources[index].descriptor) }
  }

  var image: ckpt_image { records(index.image)[0] }
  var process: ckpt_process { records(index.process)[0] }
  var machine: ckpt_machine { records(index.machine)[0] }
  var agent: ckpt_agent { records(index.agent)[0] }
  var threads: Records<ckpt_thread> { records(index.threads) }
  var regions: Records<ckpt_region> { records(index.regions) }
  var runs: Records<ckpt_run> { records(index.runs) }
  var objects: Records<ckpt_object> { records(index.objects) }
  var extents: Records<ckpt_extent> { records(index.extents) }
  var files: Records<ckpt_file> { records(index.files) }
  var descriptors: Records<ckpt_descriptor> { records(index.descriptors) }
  var xstate: Records<ckpt_xstate_component> { records(index.xstate) }
  var limits: Records<ckpt_limit> { records(index.limits) }

  /// Where a string lies in memory; not NUL-terminated.
  func address(of string: ckpt_string) -> Address {
    head + UInt64(index.strings.offset) + UInt64(string.offset)
  }

  /// Where a detail lies in memory.
  func address(of detail: ckpt_detail) -> Address {
    head + UInt64(index.details.offset) + UInt64(detail.offset)
  }

  private func records<T: BitwiseCopyable>(_ location: NoteLocation) -> Records<T> {
    Records(
      at: head + UInt64(location.offset), count: location.count, stride: location.entryByteCount)
  }
}
