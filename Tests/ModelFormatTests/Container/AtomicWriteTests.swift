import Foundation
import ModelFormat
import Testing

@Suite struct AtomicWriteTests {
  private func model(_ count: Int) throws -> Model {
    var model = Model()
    let tensor = try Pattern.noise.tensor(.i8, count: count)
    model.main.weights[model.addValue("w")] = Weight(tensor)
    return model
  }

  @Test func aWriteReplacesTheFileAndLeavesNothingElse() throws {
    let folder = try TemporaryFolder()
    try model(1000).write(to: folder.file("m.zoo"))
    try model(2000).write(to: folder.file("m.zoo"))
    #expect(try folder.names == ["m.zoo"])
    #expect(try Model(contentsOf: folder.file("m.zoo")).main.weights[ValueID(0)]?.shape == [2000])
  }

  /// A weight that cannot be decoded fails when part of the file is written already.
  @Test func aFailedWriteLeavesTheOldFile() throws {
    struct Broken: WeightSource {
      var storedByteCount: Int { 0 }
      var encoding: String { "broken" }
      func load() throws(ModelError) -> Tensor { throw ModelError(.corrupted, "broken") }
    }
    let folder = try TemporaryFolder()
    try model(1000).write(to: folder.file("m.zoo"))
    let before = try bytes(of: folder.file("m.zoo"))
    var second = try model(1 << 20)
    let broken = Weight(.f32, shape: [1000], source: Broken())
    second.main.weights[second.addValue("z")] = broken
    let error = #expect(throws: ModelError.self) { try second.write(to: folder.file("m.zoo")) }
    #expect(error?.description == "\(folder.file("m.zoo")): 'z': broken")
    #expect(try bytes(of: folder.file("m.zoo")) == before)
    #expect(try folder.names == ["m.zoo"])
  }

  @Test func aFileWithoutACommitDisappears() throws {
    let folder = try TemporaryFolder()
    do {
      let file = try AtomicFile(replacing: folder.file("m.zoo"))
      try file.truncate(to: 10)
      let names = try folder.names
      #expect(names.count == 1 && names[0].hasPrefix(".m.zoo.") && names[0].hasSuffix(".partial"))
    }
    #expect(try folder.names == [])
  }

  @Test func aLinkStaysALink() throws {
    let folder = try TemporaryFolder()
    try model(10).write(to: folder.file("real.zoo"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("link.zoo"), withDestinationPath: folder.file("real.zoo"))
    try model(20).write(to: folder.file("link.zoo"))
    #expect(try folder.names == ["link.zoo", "real.zoo"])
    #expect(
      try Model(contentsOf: folder.file("real.zoo")).main.weights[ValueID(0)]?.shape == [20])
  }

  @Test func aFolderThatIsNotThereIsAnError() throws {
    let error = #expect(throws: ModelError.self) {
      try model(10).write(to: "/nowhere/at/all/m.zoo")
    }
    #expect(
      error?.description == "/nowhere/at/all/m.zoo: cannot be made: No such file or directory")
  }

  @Test func anUnknownExtensionIsAnError() throws {
    let error = #expect(throws: ModelError.self) { try model(10).write(to: "m.safetensors") }
    #expect(
      error?.description == "m.safetensors: a file name whose extension belongs to no format; "
        + "expected .zoo or .onnx")
  }

  @Test func valuesThatDoNotExistAreRefused() throws {
    let folder = try TemporaryFolder()
    var model = try model(10)
    model.main.outputs = [ValueID(5)]
    let error = #expect(throws: ModelError.self) { try model.write(to: folder.file("m.zoo")) }
    #expect(
      error?.description == "\(folder.file("m.zoo")): value 5 of a model that has 1 values")
    #expect(try folder.names == [])
  }
}
