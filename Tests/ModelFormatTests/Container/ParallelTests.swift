import ModelFormat
import Synchronization
import Testing

@Suite struct ParallelTests {
  @Test(arguments: [0, 1, 2, 7, 1000])
  func everyItemIsVisitedOnce(count: Int) throws {
    let visits = Mutex([Int](repeating: 0, count: count))
    try inParallel(count) { (range) throws(ModelError) in
      visits.withLock { visits in for index in range { visits[index] += 1 } }
    }
    #expect(visits.withLock { $0 } == [Int](repeating: 1, count: count))
  }

  @Test func theFirstErrorIsThrown() {
    let error = #expect(throws: ModelError.self) {
      try inParallel(100) { (range) throws(ModelError) in
        try Self.fail(range.lowerBound)
      }
    }
    #expect(error?.found == "item 0")
  }

  private static func decode(
    _ weight: Weight, into tensors: borrowing Mutex<[Tensor]>
  ) throws(ModelError) {
    let tensor = try weight.tensor()
    tensors.withLock { $0.append(tensor) }
  }

  private static func fail(_ item: Int) throws(ModelError) {
    throw ModelError(.corrupted, "item \(item)")
  }

  /// A call from inside a parallel call works alone: the same bytes whichever way they are decoded.
  @Test(arguments: [Pattern.narrow, .mostlyZero, .fewValues, .noise])
  func parallelAndSerialDecodingAgree(pattern: Pattern) throws {
    let folder = try TemporaryFolder()
    let tensor = try pattern.tensor(.f32, count: 500_001)
    var model = Model()
    let id = model.addValue("w")
    model.main.weights[id] = Weight(tensor)
    try model.write(to: folder.file("m.zoo"))
    let weight = try #require(readZoo(folder.file("m.zoo")).main.weights[id])
    #expect(try weight.tensor() == tensor)
    let decoded = Mutex<[Tensor]>([])
    try inParallel(4) { (range) throws(ModelError) in
      for _ in range { try Self.decode(weight, into: decoded) }
    }
    let tensors = decoded.withLock { $0 }
    #expect(tensors.count == 4)
    #expect(tensors.allSatisfy { $0 == tensor })
  }
}
