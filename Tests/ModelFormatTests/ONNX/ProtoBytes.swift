/// Protobuf messages written out by hand, so that tests of the reader do not rest on the writer.
enum ProtoBytes {
  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func int(_ number: Int, _ value: Int) -> [UInt8] {
    varint(UInt64(number) << 3) + varint(UInt64(bitPattern: Int64(value)))
  }

  static func bytes(_ number: Int, _ payload: [UInt8]) -> [UInt8] {
    varint(UInt64(number) << 3 | 2) + varint(UInt64(payload.count)) + payload
  }

  static func text(_ number: Int, _ text: String) -> [UInt8] { bytes(number, Array(text.utf8)) }

  static func float(_ number: Int, _ value: Float) -> [UInt8] {
    varint(UInt64(number) << 3 | 5)
      + withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
  }
}

/// ONNX messages by hand.
enum Proto {
  static func opset(_ version: Int = 17, _ domain: String = "") -> [UInt8] {
    ProtoBytes.bytes(8, ProtoBytes.text(1, domain) + ProtoBytes.int(2, version))
  }

  static func model(_ graph: [UInt8], ir: Int = 8, opsets: [UInt8] = opset()) -> [UInt8] {
    ProtoBytes.int(1, ir) + ProtoBytes.bytes(7, graph) + opsets
  }

  /// A `ValueInfoProto` of a float tensor.
  static func value(_ name: String, _ extents: [Int] = [2]) -> [UInt8] {
    let dims = extents.flatMap { ProtoBytes.bytes(1, ProtoBytes.int(1, $0)) }
    let tensor = ProtoBytes.int(1, 1) + ProtoBytes.bytes(2, dims)
    return ProtoBytes.text(1, name) + ProtoBytes.bytes(2, ProtoBytes.bytes(1, tensor))
  }

  static func node(
    _ type: String, _ inputs: [String], _ outputs: [String], _ rest: [UInt8] = []
  ) -> [UInt8] {
    inputs.flatMap { ProtoBytes.text(1, $0) } + outputs.flatMap { ProtoBytes.text(2, $0) }
      + ProtoBytes.text(4, type)
      + rest
  }

  static func graph(
    _ nodes: [[UInt8]], inputs: [String] = ["x"], outputs: [String] = ["y"], rest: [UInt8] = []
  ) -> [UInt8] {
    nodes.flatMap { ProtoBytes.bytes(1, $0) } + ProtoBytes.text(2, "g")
      + inputs.flatMap { ProtoBytes.bytes(11, value($0)) }
      + outputs.flatMap { ProtoBytes.bytes(12, value($0)) }
      + rest
  }

  static func tensor(
    _ name: String, _ type: Int, _ extents: [Int], _ data: [UInt8]
  ) -> [UInt8] {
    extents.flatMap { ProtoBytes.int(1, $0) } + ProtoBytes.int(2, type) + ProtoBytes.text(8, name)
      + data
  }

  /// `y = Relu(x) + w`, with a subgraph, metadata and a typed field: a bit of everything, in a few hundred bytes.
  static let small: [UInt8] = {
    let weight = tensor("w", 1, [2], ProtoBytes.bytes(9, [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]))
    let flag = tensor("c", 9, [], ProtoBytes.int(5, 1))
    let thenGraph = graph([node("Identity", ["r"], ["t"])], inputs: [], outputs: ["t"])
    let elseGraph = graph([node("Neg", ["r"], ["e"])], inputs: [], outputs: ["e"])
    let branches = [("then_branch", thenGraph), ("else_branch", elseGraph)].flatMap {
      ProtoBytes.bytes(
        5, ProtoBytes.text(1, $0.0) + ProtoBytes.bytes(6, $0.1) + ProtoBytes.int(20, 5))
    }
    let nodes = [
      node("Relu", ["x"], ["r"]), node("If", ["c"], ["i"], branches),
      node("Add", ["i", "w"], ["y"]),
    ]
    return model(graph(nodes, rest: ProtoBytes.bytes(5, weight) + ProtoBytes.bytes(5, flag)))
      + ProtoBytes.bytes(14, ProtoBytes.text(1, "k") + ProtoBytes.text(2, "v"))
  }()
}

/// The message of the error that `body` throws, or `none`.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "none"
  } catch { return "\(error)" }
}
