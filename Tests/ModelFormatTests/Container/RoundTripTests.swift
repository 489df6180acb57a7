import ModelFormat
import Testing

@Suite struct RoundTripTests {
  @Test(arguments: 0..<60 as Range<UInt64>)
  func everythingComesBack(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    let model = try RandomModel.make(seed: seed)
    let expected = try ModelText.of(model)
    for level in [CompressionLevel.fast, .default] {
      let path = folder.file("m.zoo")
      try model.write(to: path, options: .init(level: level))
      #expect(try ModelText.of(try readZoo(path)) == expected)
    }
  }

  @Test(arguments: CompressionLevel.allCases)
  func theSameModelGivesTheSameBytes(level: CompressionLevel) throws {
    let folder = try TemporaryFolder()
    let (first, second) = (folder.file("a.zoo"), folder.file("b.zoo"))
    try RandomModel.make(seed: 9).write(to: first, options: .init(level: level))
    try RandomModel.make(seed: 9).write(to: second, options: .init(level: level))
    #expect(try bytes(of: first) == bytes(of: second))
  }

  @Test func writingWhatWasReadChangesNothing() throws {
    let folder = try TemporaryFolder()
    let (first, second) = (folder.file("a.zoo"), folder.file("b.zoo"))
    try RandomModel.make(seed: 4).write(to: first)
    try readZoo(first).write(to: second)
    #expect(try bytes(of: first) == bytes(of: second))
  }

  @Test func equalWeightsAreStoredOnce() throws {
    let folder = try TemporaryFolder()
    let tensor = try Pattern.noise.tensor(.f32, count: 10_000)
    let other = try Pattern.noise.tensor(.f32, count: 10_000, seed: 2)
    var sizes: [Int] = []
    for weights in [[tensor], [tensor, try tensor.reshaped(to: [100, 100])], [tensor, other]] {
      var model = Model()
      for weight in weights { model.main.weights[model.addValue("w")] = Weight(weight) }
      let path = folder.file("m.zoo")
      try model.write(to: path)
      sizes.append(try bytes(of: path).count)
      let read = try readZoo(path)
      for (id, weight) in weights.enumerated() {
        #expect(try read.main.weights[ValueID(id)]?.tensor() == weight)
      }
    }
    #expect(sizes[1] < sizes[0] + 200)
    #expect(sizes[2] > sizes[0] + 30_000)
  }

  @Test func rawWeightsLieInTheFileAndAligned() throws {
    let folder = try TemporaryFolder()
    var model = Model()
    for count in [1001, 5003, 100_001] {
      let tensor = try Pattern.noise.tensor(.i8, count: count)
      model.main.weights[model.addValue("w")] = Weight(tensor)
    }
    try model.write(to: folder.file("m.zoo"))
    let read = try readZoo(folder.file("m.zoo"))
    for weight in read.main.weights.values {
      #expect(weight.encoding == "raw")
      try weight.tensor().withBytes { bytes in
        #expect(UInt(bitPattern: bytes.baseAddress) % 64 == 0)
      }
    }
  }

  @Test func bytesInMemoryAreReadLikeAFile() throws {
    let folder = try TemporaryFolder()
    let model = try RandomModel.make(seed: 3)
    try model.write(to: folder.file("m.zoo"))
    let read = try readZoo(try bytes(of: folder.file("m.zoo")))
    #expect(try ModelText.of(read) == ModelText.of(model))
  }

  @Test func floatsOfTrainedModelsShrink() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 5)
    // The sum of twelve uniform numbers is nearly normal.
    let values = (0..<200_000).map { _ in
      0.05
        * (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &generator) }
    }
    var model = Model()
    model.main.weights[model.addValue("w")] = Weight(try Tensor(values, shape: [values.count]))
    try model.write(to: folder.file("m.zoo"))
    let weight = try #require(readZoo(folder.file("m.zoo")).main.weights[ValueID(0)])
    #expect(weight.encoding == "zstd")
    #expect(Double(weight.storedByteCount) < 0.83 * Double(4 * values.count))
  }

  @Test func prunedAndPalettizedWeightsShrink() throws {
    let folder = try TemporaryFolder()
    for (pattern, share) in [(Pattern.mostlyZero, 0.2), (.fewValues, 0.1)] {
      var model = Model()
      let tensor = try pattern.tensor(.f32, count: 100_000)
      model.main.weights[model.addValue("w")] = Weight(tensor)
      try model.write(to: folder.file("m.zoo"))
      let weight = try #require(readZoo(folder.file("m.zoo")).main.weights[ValueID(0)])
      #expect(Double(weight.storedByteCount) < share * 400_000, "\(pattern)")
    }
  }
}
