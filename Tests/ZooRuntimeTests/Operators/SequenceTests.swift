import Testing
import ZooRuntime

@Suite struct SequenceTests {
  private func sequence(_ tensors: [Tensor]) -> Value {
    .sequence(tensors.map(Value.tensor), element: .tensor(.f32, nil))
  }

  private func tensors(_ value: Value) -> [Tensor] {
    if case .sequence(let values, _) = value { values.compactMap(\.tensor) } else { [] }
  }

  @Test(arguments: [true, false])
  func editsSequences(optimizes: Bool) throws {
    let (a, b) = (try Tensor.f32([1]), try Tensor.f32([2, 3]))
    func run(_ opType: String, _ inputs: [Value?]) throws -> Value {
      try NodeRunner.run(opType, inputs, optimizes: optimizes)[0]
    }
    let last = Value.tensor(try Tensor(scalar: Int64(-1)))
    #expect(tensors(try run("SequenceConstruct", [.tensor(a), .tensor(b)])) == [a, b])
    #expect(try run("SequenceAt", [sequence([a, b]), last]) == .tensor(b))
    #expect(tensors(try run("SequenceInsert", [sequence([a]), .tensor(b)])) == [a, b])
    #expect(tensors(try run("SequenceInsert", [sequence([a]), .tensor(b), last])) == [b, a])
    #expect(tensors(try run("SequenceErase", [sequence([a, b])])) == [a])
    #expect(try run("SequenceLength", [sequence([])]) == .tensor(Tensor(scalar: Int64(0))))
    #expect(throws: ModelError.self) { try run("SequenceAt", [sequence([]), last]) }
    #expect(throws: ModelError.self) { try run("SequenceErase", [sequence([])]) }
  }

  @Test func splitsAndJoins() throws {
    let x = try Tensor.counting([2, 3])
    let pieces = try NodeRunner.run(
      "SplitToSequence", [.tensor(x), .tensor(Tensor(scalar: Int64(2)))],
      [Attribute("axis", .int(1))])[0]
    #expect(tensors(pieces) == [try .f32([0, 1, 3, 4], [2, 2]), try .f32([2, 5], [2, 1])])
    let joined = try NodeRunner.run(
      "ConcatFromSequence", [pieces], [Attribute("axis", .int(1))])
    #expect(joined == [.tensor(x)])
    let rows = try NodeRunner.run(
      "SplitToSequence", [.tensor(x)], [Attribute("keepdims", .int(0))])[0]
    #expect(tensors(rows) == [try .f32([0, 1, 2]), try .f32([3, 4, 5])])
    let stacked = try NodeRunner.run(
      "ConcatFromSequence", [rows], [Attribute("axis", .int(0)), Attribute("new_axis", .int(1))])
    #expect(stacked == [.tensor(x)])
  }

  @Test func opensOptionals() throws {
    let x = try Tensor.f32([1])
    let (full, empty) = (
      Value.optional(.tensor(x), wrapped: .tensor(x.type)),
      Value.optional(nil, wrapped: .tensor(x.type))
    )
    #expect(try NodeRunner.run("OptionalGetElement", [full]) == [.tensor(x)])
    #expect(throws: ModelError.self) { try NodeRunner.run("OptionalGetElement", [empty]) }
    for (value, expected) in [(full, true), (empty, false), (Value.tensor(x), true)] {
      #expect(
        try NodeRunner.run("OptionalHasElement", [value]) == [.tensor(Tensor(scalar: expected))])
    }
  }
}
