import Quantize
import ZooRuntime

/// Numbers that look random and are always the same.
struct Noise {
  private var state: UInt64

  init(_ seed: UInt64 = 1) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// −1 ..< 1
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(1 << 31)
  }

  mutating func array(_ count: Int) -> [Float] { (0..<count).map { _ in next() } }
}

/// Builds models of a few nodes.
struct ModelBuilder {
  var model: Model

  init(opset: Int = 17) { model = Model(irVersion: 8, opsets: [OpsetImport("", opset)]) }

  mutating func input(_ name: String, _ element: ElementType, _ shape: Shape) -> ValueID {
    let value = model.addValue(name, type: .tensor(element, shape))
    model.main.inputs.append(value)
    return value
  }

  mutating func weight(_ name: String, _ tensor: Tensor) -> ValueID {
    let value = model.addValue(name, type: .tensor(tensor.type))
    model.main.weights[value] = Weight(tensor)
    return value
  }

  mutating func weight(_ name: String, _ values: [Float], _ shape: [Int]) throws -> ValueID {
    weight(name, try Tensor(values, shape: shape))
  }

  mutating func node(
    _ opType: String, _ inputs: [ValueID?], _ output: String, _ attributes: [Attribute] = []
  ) -> ValueID {
    let value = model.addValue(output)
    model.main.nodes.append(
      Node(
        opType, name: "\(output)_node", inputs: inputs, outputs: [value], attributes: attributes))
    return value
  }

  mutating func output(_ value: ValueID) { model.main.outputs.append(value) }
}

enum SmallModels {
  /// y = x · w with w [k, n], weights from `values` or noise.
  static func matMul(
    k: Int = 32, n: Int = 16, values: [Float]? = nil, opset: Int = 17
  ) throws -> Model {
    var builder = ModelBuilder(opset: opset)
    let x = builder.input("x", .f32, ["rows", .fixed(k)])
    var noise = Noise()
    let w = try builder.weight("w", values ?? noise.array(k * n), [k, n])
    builder.output(builder.node("MatMul", [x, w], "y"))
    return builder.model
  }

  /// Two products with the same input, one of them a Gemm with a transposed weight and a bias.
  static func twoLayers(opset: Int = 17, beta: Float = 2) throws -> Model {
    var builder = ModelBuilder(opset: opset)
    var noise = Noise(2)
    let x = builder.input("x", .f32, ["rows", 32])
    let w = try builder.weight("w", noise.array(32 * 16), [32, 16])
    let v = try builder.weight("v", noise.array(24 * 32), [24, 32])
    let b = try builder.weight("b", noise.array(24), [24])
    builder.output(builder.node("MatMul", [x, w], "y"))
    let scaling =
      beta == 1 ? [] : [Attribute("alpha", .float(0.5)), Attribute("beta", .float(beta))]
    builder.output(
      builder.node("Gemm", [x, v, b], "z", [Attribute("transB", .int(1))] + scaling))
    return builder.model
  }

  /// Rows of a table.
  static func table(rows: Int = 40, width: Int = 16) throws -> Model {
    var builder = ModelBuilder()
    var noise = Noise(3)
    let ids = builder.input("ids", .i64, ["count"])
    let w = try builder.weight("table", noise.array(rows * width), [rows, width])
    builder.output(builder.node("Gather", [w, ids], "y"))
    return builder.model
  }

  /// Rows for `matMul` and `twoLayers`; the second has an outlier, the last is all zeros.
  static func rows(_ count: Int, _ width: Int, seed: UInt64 = 5) throws -> [String: Value] {
    var noise = Noise(seed)
    var values = noise.array(count * width)
    if count > 1 { values[width] = 40 }
    if count > 2 { for column in 0..<width { values[(count - 1) * width + column] = 0 } }
    return ["x": .tensor(try Tensor(values, shape: [count, width]))]
  }
}

extension Model {
  /// The weight of that name.
  func tensor(_ name: String) throws -> Tensor? {
    for graph in graphs {
      for (value, weight) in graph.weights where self[value].name == name {
        return try weight.tensor()
      }
    }
    return nil
  }

  var operators: [String] { main.nodes.map(\.opType) }
}

extension AttributeValue {
  var int: Int64? { if case .int(let value) = self { value } else { nil } }
}

/// What `body` throws, as text.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "nothing was thrown"
  } catch { return "\(error)" }
}

/// The elements of a tensor as floats, whatever its type; packed integers included.
func numbers(_ tensor: Tensor) throws -> [Float] {
  switch tensor.elementType {
  case .i8: return try tensor.array(of: Int8.self).map(Float.init)
  case .u8: return try tensor.array(of: UInt8.self).map(Float.init)
  case .i4, .u4:
    let isSigned = tensor.elementType == .i4
    let bytes = try tensor.withBytes { (bytes) throws(ModelError) in Array(bytes) }
    return (0..<tensor.count).map { index in
      let half = index % 2 == 0 ? bytes[index / 2] & 15 : bytes[index / 2] >> 4
      return Float(isSigned && half > 7 ? Int(half) - 16 : Int(half))
    }
  default: return try tensor.array(of: Float.self)
  }
}
