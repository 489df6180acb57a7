import Foundation
import ModelFormat
import Testing

/// Every refusal of the reader, with its words.
@Suite struct ONNXRefusalTests {
  private func refusal(_ bytes: [UInt8], _ limits: ReadLimits = .default) -> String {
    message { _ = try ONNXReader.read(try MappedFile(copying: bytes), limits: limits) }
  }

  private func refusal(ofTensor tensor: [UInt8]) -> String {
    refusal(
      Proto.model(Proto.graph([], inputs: [], outputs: [], rest: ProtoBytes.bytes(5, tensor))))
  }

  @Test func otherFiles() {
    #expect(
      refusal([]) == "an empty file; expected an ONNX model. Check that the download was complete")
    #expect(
      refusal(Array("version https://git-lfs.github.com/spec/v1".utf8))
        == "a git-LFS pointer; expected an ONNX model. Fetch the file itself with 'git lfs pull'")
    #expect(
      refusal(Array("{\"a\": 1}".utf8))
        == "JSON text; expected an ONNX model. Give the model file, not its description")
    #expect(
      refusal(Array("<!DOCTYPE html>".utf8))
        == "an HTML or XML page; expected an ONNX model. "
        + "Download the file itself, not the page that shows it")
    #expect(
      refusal(Array("PK\u{3}\u{4}".utf8))
        == "a zip archive; expected an ONNX model. "
        + "Unpack it, or export a PyTorch checkpoint to ONNX")
    #expect(
      refusal(Proto.tensor("t", 1, [], ProtoBytes.float(4, 1)))
        == "producer_name (byte 0): a number; expected a length and bytes")
  }

  @Test func versions() {
    #expect(
      refusal(ProtoBytes.int(1, 15))
        == "ir_version (byte 0): IR version 15; expected 1 ... 14. "
        + "Export the model with an older version of ONNX")
    #expect(
      refusal(Proto.model([], opsets: Proto.opset(29)))
        == "opset_import[0] (byte 4): ONNX operator set 29; expected 1 ... 28. "
        + "Export the model with an older operator set")
    #expect(
      refusal(Proto.model([], opsets: []))
        == "ir_version (byte 0): a model that imports no operator set; expected opset_import")
    #expect(
      refusal(Proto.model([], opsets: Proto.opset(7) + Proto.opset(8, "ai.onnx")))
        == "opset_import[1] (byte 10): operator set '' imported as 7 and as 8; "
        + "expected one version of each domain")
    #expect(
      refusal(ProtoBytes.int(1, 8))
        == "ir_version (byte 0): a message without a graph; expected an ONNX model. "
        + "Check that the file is a model, not a tensor")
  }

  /// Each looked for among all before it, they would take minutes.
  @Test func manyOpsetsAndAttributes() {
    let count = 50_000
    let opsets = (0..<count).flatMap { Proto.opset(1, "d\($0)") }
    #expect(
      refusal(
        Proto.model(
          Proto.graph([Proto.node("Relu", ["x"], ["y"])]),
          opsets: opsets + Proto.opset() + Proto.opset(2, "d7"))
      ).contains("operator set 'd7' imported as 1 and as 2"))
    let attributes = (0..<count).flatMap {
      ProtoBytes.bytes(
        5, ProtoBytes.text(1, "a\($0)") + ProtoBytes.int(3, 1) + ProtoBytes.int(20, 2))
    }
    let twice = ProtoBytes.bytes(
      5, ProtoBytes.text(1, "a7") + ProtoBytes.int(3, 1) + ProtoBytes.int(20, 2))
    #expect(
      refusal(Proto.model(Proto.graph([Proto.node("Relu", ["x"], ["y"], attributes + twice)])))
        .contains("a second attribute 'a7' of one node"))
  }

  @Test func bytesThatAreNoProtobuf() {
    #expect(
      refusal([0x08, 0x08, 0x3A, 0x7F])
        == "graph (byte 2): a field of 127 bytes with 0 bytes left. "
        + "Check that the file was copied completely")
    #expect(
      refusal([0x08, 0xFF])
        == "ir_version (byte 0): a number that ends early. Check that the file was copied completely"
    )
    #expect(
      refusal([0x08] + [UInt8](repeating: 0xFF, count: 12))
        == "ir_version (byte 0): a number of more than 64 bits. "
        + "Check that this is an ONNX file and was copied in binary mode")
    #expect(
      refusal([0x0B])
        == "ir_version (byte 0): wire type 3; expected 0, 1, 2 or 5. "
        + "Check that this is an ONNX file and was copied in binary mode")
    #expect(
      refusal([0x00, 0x00])
        == "byte 0: field number 0; expected 1 ... 536870911. "
        + "Check that this is an ONNX file and was copied in binary mode")
    #expect(
      refusal(ProtoBytes.text(1, "8"))
        == "ir_version (byte 0): a length and bytes; expected a number")
  }

  @Test func tensors() {
    #expect(
      refusal(
        ofTensor: Proto.tensor(
          "w", 1, [2, 3], ProtoBytes.bytes(9, [UInt8](repeating: 0, count: 17))))
        == "graph.initializer[0].raw_data (byte 18): 17 bytes for a tensor f32 [2, 3]; "
        + "expected 24 bytes")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 1, [2], ProtoBytes.float(4, 1)))
        == "graph.initializer[0] (byte 7): 1 entries of float_data for a tensor f32 [2]; "
        + "expected 2 entries")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 1, [2], ProtoBytes.int(7, 1)))
        == "graph.initializer[0] (byte 7): a tensor f32 [2] in int64_data; expected float_data")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 1, [2], []))
        == "graph.initializer[0] (byte 7): a tensor f32 [2] without data; expected 2 elements")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 29, [2], []))
        == "graph.initializer[0] (byte 7): a tensor of element type 29; "
        + "expected a number of ONNX's TensorProto.DataType, 1 ... 28")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 1, [-1], []))
        == "graph.initializer[0].dims[0] (byte 9): a tensor with extent -1; expected 0 or more")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 1, [1 << 40, 1 << 40], []))
        == "graph.initializer[0] (byte 7): "
        + "shape [1099511627776, 1099511627776] has more elements than can be counted")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 1, [1 << 40], []))
        == "graph.initializer[0] (byte 7): a tensor of 4398046511104 bytes; "
        + "expected at most 8589934592 (ReadLimits.tensorBytes). "
        + "Raise the limit if you trust the file")
    #expect(
      refusal(ofTensor: Proto.tensor("w", 8, [1], ProtoBytes.bytes(9, [0])))
        == "graph.initializer[0] (byte 7): strings in raw_data; expected string_data")
    #expect(
      refusal(
        ofTensor: Proto.tensor(
          "w", 1, [1], ProtoBytes.bytes(9, [0, 0, 0, 0]) + ProtoBytes.float(4, 1)))
        == "graph.initializer[0] (byte 7): a tensor whose elements are given in more than one field; "
        + "expected raw_data or one typed field")
    #expect(
      refusal(ofTensor: Proto.tensor("", 1, [0], []))
        == "graph.initializer[0] (byte 7): an initializer without a name")
  }

  @Test func graphs() {
    func graph(_ nodes: [[UInt8]], inputs: [String] = ["x"], _ rest: [UInt8] = []) -> String {
      refusal(Proto.model(Proto.graph(nodes, inputs: inputs, rest: rest)))
    }
    #expect(
      graph([Proto.node("Relu", ["z"], ["y"])])
        == "graph.node[0].input[0] (byte 6): input 'z' of a node, which nothing produces; "
        + "expected an output of a node, an input or an initializer")
    #expect(
      graph([Proto.node("Relu", ["x"], ["z"])])
        == "graph.output[0].name (byte 40): output 'y', which nothing produces; "
        + "expected an output of a node, an input or an initializer")
    #expect(
      graph([Proto.node("Relu", ["x"], ["y"]), Proto.node("Relu", ["x"], ["y"])])
        == "graph.node[1].output[0] (byte 23): a second value 'y' in one graph; "
        + "expected names that are defined once")
    #expect(
      graph([], inputs: ["x", "x"])
        == "graph.input[1].name (byte 26): a second value 'x' in one graph; "
        + "expected names that are defined once")
    #expect(
      graph([Proto.node("Add", ["x", "b"], ["y"]), Proto.node("Neg", ["y"], ["b"])])
        == "nodes that depend on one another: node #1 (Neg) → node #0 (Add); "
        + "expected a graph without circles")
    #expect(
      graph([Proto.node("", ["x"], ["y"])]) == "graph.node[0] (byte 4): a node without an operator")
    let type = ProtoBytes.bytes(5, ProtoBytes.text(1, "a") + ProtoBytes.int(20, 4))
    #expect(
      graph([Proto.node("Relu", ["x"], ["y"], type)])
        == "graph.node[0].attribute[0] (byte 18): attribute 'a' of type 4 without its value; "
        + "expected a value of that type")
    let twice = ProtoBytes.bytes(
      5, ProtoBytes.text(1, "a") + ProtoBytes.int(3, 1) + ProtoBytes.int(20, 2))
    #expect(
      graph([Proto.node("Relu", ["x"], ["y"], twice + twice)])
        == "graph.node[0] (byte 4): a second attribute 'a' of one node")
    #expect(
      graph([Proto.node("Relu", ["x"], ["y"], ProtoBytes.bytes(3, [0xFF]))])
        == "graph.node[0].name (byte 18): text that is not UTF-8")
  }

  @Test func nestingAndCounts() {
    var inner = Proto.graph([], inputs: [], outputs: [])
    for _ in 0..<80 {
      let attribute = ProtoBytes.bytes(
        5, ProtoBytes.text(1, "g") + ProtoBytes.bytes(6, inner) + ProtoBytes.int(20, 5))
      inner = Proto.graph([Proto.node("If", [], [], attribute)], inputs: [], outputs: [])
    }
    let found = refusal(Proto.model(inner))
    #expect(
      found.hasSuffix(
        "messages nested more than 64 deep; expected at most ReadLimits.depth. "
          + "Raise the limit if you trust the file"))
    #expect(found.hasPrefix("graph.node[0].attribute[0].g.node[0].attribute[0].g."))
    var type = ProtoBytes.bytes(1, ProtoBytes.int(1, 1))
    for _ in 0..<80 { type = ProtoBytes.bytes(4, ProtoBytes.bytes(1, type)) }
    let value = ProtoBytes.bytes(11, ProtoBytes.text(1, "x") + ProtoBytes.bytes(2, type))
    #expect(
      refusal(Proto.model(Proto.graph([], inputs: [], outputs: [], rest: value)))
        .contains("messages nested more than 64 deep"))
    var limits = ReadLimits()
    limits.rows = 3
    let nodes = (0..<4).map { Proto.node("Relu", ["x"], ["y\($0)"]) }
    #expect(
      refusal(Proto.model(Proto.graph(nodes, outputs: [])), limits)
        .contains("more than 3 values; expected at most ReadLimits.rows"))
    limits = ReadLimits()
    limits.graphBytes = 1000
    #expect(
      refusal(Proto.model(Proto.graph(nodes, outputs: [])), limits)
        .contains("a graph of more than 1000 bytes in memory"))
    // Many empty messages take far more memory than their bytes.
    let empty = [UInt8](repeating: 0, count: 1 << 17).enumerated().map {
      $0.offset % 2 == 0 ? UInt8(0x0A) : 0
    }
    limits.graphBytes = 1 << 20
    #expect(refusal(Proto.model(empty), limits).contains("a node without an operator"))
  }

  /// Flipped and truncated at every byte: a model that validates, or an error. Never a crash.
  @Test func damagedBytes() throws {
    let bytes = Proto.small
    var limits = ReadLimits()
    limits.decodedBytes = 1 << 20
    for index in bytes.indices {
      for mask: UInt8 in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF] {
        var damaged = bytes
        damaged[index] ^= mask
        try expectModelOrError(damaged, limits)
      }
      try expectModelOrError(Array(bytes[..<index]), limits)
    }
  }

  private func expectModelOrError(_ bytes: [UInt8], _ limits: ReadLimits) throws {
    do {
      let model = try Model(bytes: bytes, limits: limits)
      try model.validate()
      for graph in model.graphs { for weight in graph.weights.values { _ = try weight.tensor() } }
      _ = try Model(bytes: try ONNXWriter.bytes(model))
    } catch {
      #expect(!error.description.isEmpty)
    }
  }
}
