import Foundation
import ModelFormat
import Testing

@Suite struct ExternalDataTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try Data([0, 0, 0, 0, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]).write(
      to: URL(fileURLWithPath: folder.file("data.bin")))
  }

  private func model(_ entries: [(String, String)], in place: String = "") throws -> Model {
    let data = entries.flatMap {
      ProtoBytes.bytes(13, ProtoBytes.text(1, $0.0) + ProtoBytes.text(2, $0.1))
    }
    let tensor = Proto.tensor("w", 1, [2], data + ProtoBytes.int(14, 1))
    let graph = Proto.graph(
      [Proto.node("Add", ["x", "w"], ["y"])], rest: ProtoBytes.bytes(5, tensor))
    let path = folder.file(place + "m.onnx")
    try Data(Proto.model(graph)).write(to: URL(fileURLWithPath: path))
    return try Model(contentsOf: path)
  }

  private func refusal(_ entries: [(String, String)]) -> String {
    let text = message { _ = try model(entries) }
    let parts = text.split(separator: ": ", maxSplits: 2, omittingEmptySubsequences: false)
    let isPlace =
      parts.count == 3 && parts[0] == folder.file("m.onnx")
      && parts[1].hasPrefix("graph.initializer[0] (byte ")
    return isPlace ? String(parts[2]) : text
  }

  @Test func readsTheBytesAtTheOffset() throws {
    let model = try model([("location", "data.bin"), ("offset", "4"), ("length", "8")])
    let weight = try #require(model.main.weights.values.first)
    #expect(weight.encoding == "external")
    #expect(try weight.tensor().array(of: Float.self) == [1, 2])
  }

  @Test(arguments: ["../data.bin", "a/../../data.bin", "/etc/passwd", "", "..", "a\\..\\b"])
  func refusesPathsThatClimb(location: String) {
    #expect(
      refusal([("location", location)])
        == "external data at '\(location)'; expected a path inside the model's folder, without '..'"
    )
  }

  @Test func refusesLinksThatLeaveTheFolder() throws {
    let outside = try TemporaryFolder()
    try Data(count: 64).write(to: URL(fileURLWithPath: outside.file("secret")))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("link"), withDestinationPath: outside.file("secret"))
    #expect(
      refusal([("location", "link")])
        == "external data at 'link', a link that leads out of the model's folder; "
        + "expected a file inside the model's folder")
  }

  @Test func followsLinksOfADownloadCache() throws {
    // snapshots/m.onnx and snapshots/data.bin are links into blobs/, where both have other names.
    let manager = FileManager.default
    _ = try model([("location", "data.bin"), ("offset", "4")])
    for name in ["blobs", "snapshots"] {
      try manager.createDirectory(
        atPath: folder.file(name), withIntermediateDirectories: false)
    }
    for (name, blob) in [("m.onnx", "1234"), ("data.bin", "5678")] {
      try manager.moveItem(atPath: folder.file(name), toPath: folder.file("blobs/" + blob))
      try manager.createSymbolicLink(
        atPath: folder.file("snapshots/" + name), withDestinationPath: "../blobs/" + blob)
    }
    let model = try Model(contentsOf: folder.file("snapshots/m.onnx"))
    let weight = try #require(model.main.weights.values.first)
    #expect(try weight.tensor().array(of: Float.self) == [1, 2])
  }

  @Test func refusesWhatTheFileDoesNotHave() {
    #expect(
      refusal([("location", "none.bin")])
        == "external data 'none.bin', which does not exist. Put the file 'none.bin' beside the model"
    )
    #expect(
      refusal([("location", "data.bin"), ("offset", "8")])
        == "external data of 8 bytes at byte 8 of 'data.bin', which has 12. "
        + "Check that 'data.bin' was copied completely")
    #expect(
      refusal([("location", "data.bin"), ("length", "12")])
        == "external data of 12 bytes for a tensor f32 [2]; expected 8 bytes")
    #expect(
      refusal([("location", "data.bin"), ("offset", "-1")])
        == "external data with offset '-1'; expected a number of 0 or more")
  }

  /// The digest of the twelve bytes of data.bin, by `sha1sum`.
  private static let digest = "66cdd54c62702bb4ca47029748a7a1341750a552"

  @Test func readsDataWithItsChecksum() throws {
    let entries = [("location", "data.bin"), ("offset", "4"), ("checksum", Self.digest)]
    let model = try model(entries)
    #expect(try model.main.weights.values.first?.tensor().array(of: Float.self) == [1, 2])
    _ = try self.model(entries.dropLast() + [("checksum", Self.digest.uppercased())])
  }

  @Test func refusesDataWithAnotherChecksum() {
    let other = String(repeating: "0", count: 40)
    #expect(
      refusal([("location", "data.bin"), ("offset", "4"), ("checksum", other)])
        == "external data 'data.bin' has the SHA-1 digest \(Self.digest); expected \(other). "
        + "Check that 'data.bin' was copied completely")
    #expect(
      refusal([("location", "data.bin"), ("offset", "4"), ("checksum", "12")])
        == "external data with checksum '12'; expected the 40 hexadecimal digits of a SHA-1 digest")
  }

  /// Lengths around the ends of blocks, against digests that `sha1sum` made of as many letters a.
  @Test(arguments: [
    (8, "b480c074d6b75947c02681f31c90c668c46bf6b8"),
    (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
    (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
    (63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"),
    (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
    (65, "11655326c708d70319be2610e8a57d9a5b959d3b"),
    (119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"),
    (120, "f34c1488385346a55709ba056ddd08280dd4c6d6"),
    (1000, "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
  ])
  func digestsAreThoseOfTheStandard(length: Int, digest: String) throws {
    let location = "letters\(length)"
    try Data(repeating: 0x61, count: length).write(
      to: URL(fileURLWithPath: folder.file(location)))
    _ = try model([("location", location), ("checksum", digest)])
  }

  @Test func largeModelsAreWrittenWithExternalData() throws {
    var model = Model()
    let large = (0..<1000).map { Float($0) }
    let x = model.addValue("x", type: .tensor(.f32, [1000]))
    let w = model.addValue("w")
    let y = model.addValue("y")
    model.main.inputs = [x]
    model.main.outputs = [y]
    model.main.weights = [w: Weight(try Tensor(large, shape: [1000]))]
    model.main.nodes = [Node("Add", inputs: [x, w], outputs: [y])]
    let path = folder.file("large.onnx")
    try ONNXWriter.write(model, to: path, limit: 1000)
    #expect(try folder.names == ["data.bin", "large.onnx", "large.onnx.data"])
    #expect(try bytes(of: path).count < 500)
    let again = try Model(contentsOf: path)
    #expect(try again.main.weights.first?.value.tensor() == Tensor(large, shape: [1000]))
    #expect(again.main.weights.first?.value.encoding == "external")
    #expect(
      again.text
        == model.text.replacingOccurrences(of: "graph #0 \"\"", with: "graph #0 \"graph_0\""))
  }
}
