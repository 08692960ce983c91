import Kernel
import KernelABI
import Testing

@testable import Agent

@Suite struct DescriptionTreeTests {
  /// A kernel in which descriptor N of process P has description N / 3, and its order is by a mixed
  /// number, as kcmp(2)'s is.
  private static func description(_ descriptor: ProcessDescriptor) -> Int {
    Int(descriptor.number) / 3
  }

  private static func order(
    _ lhs: ProcessDescriptor, _ rhs: ProcessDescriptor
  ) throws(Errno) -> Descriptors.Order {
    let (left, right) = (description(lhs), description(rhs))
    if left == right { return .same }
    return left &* 0x9E37 % 1009 < right &* 0x9E37 % 1009 ? .before : .after
  }

  @Test func descriptorsOfSeveralProcessesShareDescriptions() throws {
    var arena = try Arena(mapping: 4 << 20)
    var tree = try DescriptionTree(in: &arena, capacity: 400)
    var firsts: [Int: Int] = [:]
    for number in 0..<900 {
      let descriptor = ProcessDescriptor(process: Int32(number % 2), number: Int32(number))
      let found = try tree.find(descriptor, device: 1, inode: 9, Self.order)
      let known = firsts[Self.description(descriptor)]
      #expect(found.isNew == (known == nil) && found.index == known ?? found.index)
      firsts[Self.description(descriptor)] = found.index
    }
    #expect(tree.count == 300)
    #expect(tree.descriptor(of: 1) == ProcessDescriptor(process: 1, number: 3))
    try Mapping.unmap(arena.range)
  }

  @Test func theKernelIsNotAskedAboutDifferentInodes() throws {
    var arena = try Arena(mapping: 1 << 20)
    var tree = try DescriptionTree(in: &arena, capacity: 400)
    for inode in 0..<300 {
      let found = try tree.find(
        ProcessDescriptor(process: 1, number: Int32(inode)), device: 1, inode: UInt64(inode)
      ) { (_, _) throws(Errno) in throw .notPermitted }
      #expect(found.index == inode && found.isNew)
    }
    try Mapping.unmap(arena.range)
  }

  @Test func whereTheKernelHasNoOrderSamenessIsEnough() throws {
    var arena = try Arena(mapping: 1 << 20)
    var tree = try DescriptionTree(in: &arena, capacity: 400)
    for number in 0..<30 {
      let found = try tree.find(
        ProcessDescriptor(process: 1, number: Int32(number)), device: 1, inode: 1
      ) { (lhs, rhs) throws(Errno) in
        Self.description(lhs) == Self.description(rhs) ? .same : .different
      }
      #expect(found.index == number / 3)
    }
    try Mapping.unmap(arena.range)
  }

  @Test func theKernelsOwnAnswersAgree() throws {
    let pipe = try Pipes.make(.nonBlocking)
    let copy = try Descriptors.duplicate(pipe.reader, atLeast: 0)
    let process = OwnThread.identifier
    func own(_ number: Int32) -> ProcessDescriptor { .init(process: process, number: number) }
    #expect(try Descriptors.order(own(pipe.reader), own(copy)) == .same)
    #expect(try Descriptors.order(own(pipe.reader), own(pipe.writer)) != .same)
    for number in [pipe.reader, pipe.writer, copy] { closeDescriptor(number) }
  }
}
