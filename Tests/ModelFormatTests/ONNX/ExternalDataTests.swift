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
    let place = "\(folder.file("m.onnx")): graph.initializer[0] (byte 57): "
    return text.hasPrefix(place) ? String(text.dropFirst(place.count)) : text
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
