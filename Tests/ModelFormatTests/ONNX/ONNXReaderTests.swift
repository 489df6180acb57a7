import ModelFormat
import Testing

@Suite struct ONNXReaderTests {
  @Test func readsAModel() throws {
    let model = try Model(bytes: Proto.small)
    #expect(model.irVersion == 8)
    #expect(model.opset("") == 17)
    #expect(model.metadata == [MetadataEntry("k", "v")])
    #expect(model.main.nodes.map(\.opType) == ["Relu", "If", "Add"])
    #expect(model.graphs.count == 3)
    let weight = try #require(model.main.weights.first { model[$0.key].name == "w" }?.value)
    #expect(try weight.tensor().array(of: Float.self) == [1, 2])
    let flag = try #require(model.main.weights.first { model[$0.key].name == "c" }?.value)
    #expect(try flag.tensor().array(of: Bool.self) == [true])
    // The branches use the value of the outer graph by the same id.
    let outer = model.main.nodes[0].outputs[0]
    #expect(model.graphs[1].nodes[0].inputs == [outer])
    #expect(model.graphs[2].nodes[0].inputs == [outer])
  }

  @Test(
    arguments: [
      // Element type, entries of int32_data, bytes in memory.
      (2, [200], [200]), (3, [-2], [0xFE]), (4, [65535], [0xFF, 0xFF]), (5, [-2], [0xFE, 0xFF]),
      (6, [-2], [0xFE, 0xFF, 0xFF, 0xFF]), (9, [1], [1]), (10, [0x3C00], [0, 0x3C]),
      (16, [0x3F80], [0x80, 0x3F]), (17, [0x38], [0x38]), (18, [0x38], [0x38]),
      (19, [0x3C], [0x3C]),
      (20, [0x3C], [0x3C]), (24, [127], [127]), (21, [0x0F], [0x0F]), (22, [0x08], [0x08]),
      (23, [0x05], [0x05]), (25, [0x03], [0x03]), (26, [0x02], [0x02]),
    ] as [(Int, [Int], [UInt8])])
  func readsEveryTypeOfInt32Data(type: Int, entries: [Int], bytes: [UInt8]) throws {
    for packed in [false, true] {
      let data =
        packed
        ? ProtoBytes.bytes(5, entries.flatMap { ProtoBytes.varint(UInt64(bitPattern: Int64($0))) })
        : entries.flatMap { ProtoBytes.int(5, $0) }
      let tensor = try loaded(Proto.tensor("w", type, [1], data))
      #expect(tensor.elementType.rawValue == Int32(type))
      #expect(try tensor.withBytes { Array($0) } == bytes)
    }
  }

  @Test func readsTheOtherTypedFields() throws {
    let floats = ProtoBytes.float(4, 1.5) + ProtoBytes.float(4, -2)
    #expect(try loaded(Proto.tensor("w", 1, [2], floats)).array(of: Float.self) == [1.5, -2])
    let complex = try loaded(Proto.tensor("w", 14, [1], floats))
    #expect(try complex.array(of: Complex64.self) == [Complex64(1.5, -2)])
    let longs = ProtoBytes.int(7, -5) + ProtoBytes.bytes(7, ProtoBytes.varint(7))
    #expect(try loaded(Proto.tensor("w", 7, [2], longs)).array(of: Int64.self) == [-5, 7])
    let unsigned = ProtoBytes.int(11, 5)
    #expect(try loaded(Proto.tensor("w", 12, [1], unsigned)).array(of: UInt32.self) == [5])
    #expect(try loaded(Proto.tensor("w", 13, [1], unsigned)).array(of: UInt64.self) == [5])
    let double = ProtoBytes.bytes(10, withUnsafeBytes(of: 0.25) { Array($0) })
    #expect(try loaded(Proto.tensor("w", 11, [1], double)).array(of: Double.self) == [0.25])
    let text = ProtoBytes.text(6, "a") + ProtoBytes.text(6, "")
    #expect(try loaded(Proto.tensor("w", 8, [2], text)).strings == ["a", ""])
  }

  /// Packed types have an element count that is no multiple of the elements in a byte.
  @Test(arguments: [(21, 3, 2), (22, 5, 3), (23, 1, 1), (25, 5, 2), (26, 4, 1), (22, 0, 0)])
  func readsPackedRawData(type: Int, count: Int, bytes: Int) throws {
    let raw = (0..<bytes).map { UInt8($0 + 1) }
    let tensor = try loaded(Proto.tensor("w", type, [count], ProtoBytes.bytes(9, raw)))
    #expect(tensor.shape == [count])
    #expect(try tensor.withBytes { Array($0) } == raw)
  }

  @Test func booleansOfAnyByteAreTrue() throws {
    let tensor = try loaded(Proto.tensor("w", 9, [3], ProtoBytes.bytes(9, [0, 1, 255])))
    #expect(try tensor.array(of: Bool.self) == [false, true, true])
  }

  @Test func sparseInitializersAreDense() throws {
    let values = Proto.tensor("w", 1, [2], ProtoBytes.float(4, 5) + ProtoBytes.float(4, 7))
    let indices = Proto.tensor("", 7, [2], ProtoBytes.int(7, 1) + ProtoBytes.int(7, 3))
    let sparse =
      ProtoBytes.bytes(1, values) + ProtoBytes.bytes(2, indices) + ProtoBytes.int(3, 2)
      + ProtoBytes.int(3, 2)
    let graph = Proto.graph(
      [Proto.node("Add", ["x", "w"], ["y"])], rest: ProtoBytes.bytes(15, sparse))
    let model = try Model(bytes: Proto.model(graph))
    let weight = try #require(model.main.weights.values.first)
    #expect(try weight.tensor() == Tensor([0, 5, 0, 7] as [Float], shape: [2, 2]))
  }

  @Test func initializersOfOldModelsAreNoInputs() throws {
    let weight = ProtoBytes.bytes(
      5, Proto.tensor("w", 1, [2], ProtoBytes.bytes(9, [UInt8](repeating: 0, count: 8))))
    let graph = Proto.graph(
      [Proto.node("Add", ["x", "w"], ["y"])], inputs: ["x", "w"], rest: weight)
    let old = try Model(bytes: Proto.model(graph, ir: 3))
    #expect(old.main.inputs.map { old[$0].name } == ["x"])
    let new = try Model(bytes: Proto.model(graph, ir: 4))
    #expect(new.main.inputs.map { new[$0].name } == ["x", "w"])
    #expect(new.main.requiredInputs.map { new[$0].name } == ["x"])
  }

  @Test func sortsNodesAndKeepsOptionalOperands() throws {
    let graph = Proto.graph([
      Proto.node("Clip", ["a", "", "x"], ["y", ""]), Proto.node("Relu", ["x"], ["a"]),
    ])
    let model = try Model(bytes: Proto.model(graph))
    #expect(model.main.nodes.map(\.opType) == ["Relu", "Clip"])
    #expect(model.main.nodes[1].inputs[1] == nil)
    #expect(model.main.nodes[1].outputs.count == 2)
    #expect(model.main.nodes[1].outputs[1] == nil)
  }

  @Test func innerNamesHideOuterOnes() throws {
    let body = Proto.graph([Proto.node("Relu", ["x"], ["r"])], inputs: ["x"], outputs: ["r"])
    let attribute = ProtoBytes.bytes(
      5, ProtoBytes.text(1, "body") + ProtoBytes.bytes(6, body) + ProtoBytes.int(20, 5))
    let graph = Proto.graph([
      Proto.node("Relu", ["x"], ["r"]), Proto.node("Scan", ["r"], ["y"], attribute),
    ])
    let model = try Model(bytes: Proto.model(graph))
    #expect(model.graphs[1].nodes[0].inputs[0] == model.graphs[1].inputs[0])
    #expect(model.graphs[1].inputs[0] != model.main.inputs[0])
    // Written, the names differ, as ONNX asks.
    let again = try Model(bytes: try ONNXWriter.bytes(model))
    #expect(again.graphs[1].inputs.map { again[$0].name } == ["x_1"])
    #expect(again.main.inputs.map { again[$0].name } == ["x"])
  }

  private func loaded(_ tensor: [UInt8]) throws -> Tensor {
    let graph = Proto.graph(
      [Proto.node("Identity", ["w"], ["y"])], rest: ProtoBytes.bytes(5, tensor))
    let model = try Model(bytes: Proto.model(graph))
    let id = try #require(model.main.nodes[0].inputs[0])
    let weight = try #require(model.main.weights[id])
    // Written as raw data and read again it is the same.
    let again = try Model(bytes: try ONNXWriter.bytes(model))
    #expect(try again.main.weights.first?.value.tensor() == weight.tensor())
    return try weight.tensor()
  }
}
