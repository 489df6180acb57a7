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

  @Test(arguments: [false, true])
  func aFileWithoutACommitDisappears(isNamed: Bool) throws {
    let folder = try TemporaryFolder()
    do {
      let file = try AtomicFile(replacing: folder.file("m.zoo"), isNamed: isNamed)
      try file.truncate(to: 10)
      let names = try folder.names
      #if os(Linux)
        if !isNamed { #expect(names == []) }
      #endif
      if isNamed {
        #expect(names.count == 1 && names[0].hasPrefix(".m.zoo.") && names[0].hasSuffix(".partial"))
      }
    }
    #expect(try folder.names == [])
  }

  @Test(arguments: [false, true], [false, true])
  func aCommitMakesOrReplacesTheFile(isNamed: Bool, replaces: Bool) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("m.zoo")
    if replaces { try Data([1, 2, 3, 4]).write(to: URL(fileURLWithPath: path)) }
    let file = try AtomicFile(replacing: path, isNamed: isNamed)
    try Tensor([7, 8] as [UInt8], shape: [2]).withBytes { (bytes) throws(ModelError) in
      try file.write(bytes, at: 1)
    }
    #expect(try folder.names.contains("m.zoo") == replaces)
    try file.commit()
    #expect(try folder.names == ["m.zoo"])
    #expect(try bytes(of: path) == [0, 7, 8])
  }

  /// What a killed process left has no lock; what is being written has one.
  @Test func theNextWriteRemovesAbandonedFilesOnly() throws {
    let folder = try TemporaryFolder()
    for name in [".m.zoo.12ab.partial", ".other.zoo.12ab.partial", ".m.zoo.mine.partial"] {
      try Data([1]).write(to: URL(fileURLWithPath: folder.file(name)))
    }
    let held = try AtomicFile(replacing: folder.file("m.zoo"), isNamed: true)
    try model(10).write(to: folder.file("m.zoo"))
    let names = try folder.names
    #expect(names.count == 4)
    #expect(!names.contains(".m.zoo.12ab.partial"))
    #expect(names.contains(".other.zoo.12ab.partial") && names.contains(".m.zoo.mine.partial"))
    try held.commit()
    #expect(
      try folder.names == [".m.zoo.mine.partial", ".other.zoo.12ab.partial", "m.zoo"])
  }

  @Test func aFolderInTheWayIsAnError() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("m.zoo")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    let error = #expect(throws: ModelError.self) { try model(10).write(to: path) }
    #expect(error?.description == "\(path): a folder; expected the path of a file")
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
