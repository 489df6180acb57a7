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
        for index in range where index >= 0 { throw ModelError(.corrupted, "item \(index)") }
      }
    }
    #expect(error?.found == "item 0")
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
    let weight = try #require(Model(contentsOf: folder.file("m.zoo")).main.weights[id])
    #expect(try weight.tensor() == tensor)
    try inParallel(1) { (_) throws(ModelError) in
      let serial = try weight.tensor()
      #expect(serial == tensor)
    }
    try inParallel(4) { (range) throws(ModelError) in
      for _ in range {
        let concurrent = try weight.tensor()
        #expect(concurrent == tensor)
      }
    }
  }
}
