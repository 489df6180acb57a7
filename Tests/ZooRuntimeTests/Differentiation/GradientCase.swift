import ModelFormat
import Testing
import ZooRuntime

/// A node whose gradient is compared with differences of its values.
struct GradientCase: Sendable, CustomTestStringConvertible {
  enum Operand: Sendable {
    /// Numbers from a range, with respect to which the node is differentiated.
    case x([Int], ClosedRange<Double>)
    /// A weight, which is not differentiated.
    case given(Tensor)
    case none
  }

  let opType: String
  let operands: [Operand]
  let attributes: [Attribute]
  var opset = 21
  var outputs = 1
  /// The output that is differentiated.
  var output = 0
  /// Whether the rule needs extents as numbers.
  var needsExtents = false

  init(
    _ opType: String, _ operands: [Operand], _ attributes: [Attribute] = [], opset: Int = 21,
    outputs: Int = 1, output: Int = 0, needsExtents: Bool = false
  ) {
    self.opType = opType
    self.operands = operands
    self.attributes = attributes
    self.opset = opset
    self.outputs = outputs
    self.output = output
    self.needsExtents = needsExtents
  }

  var testDescription: String {
    let shapes = operands.map { operand in
      switch operand {
      case .x(let shape, _): "\(shape)"
      case .given(let tensor): "given \(tensor.shape)"
      case .none: "-"
      }
    }
    return "\(opType) \(opset) \(shapes.joined(separator: " ")) \(attributes.map(\.name))"
  }
}

extension Attribute {
  init(_ name: String, _ value: Int) { self.init(name, .int(Int64(value))) }
  init(_ name: String, _ values: [Int]) { self.init(name, .ints(values.map(Int64.init))) }
  init(_ name: String, _ value: Double) { self.init(name, .float(Float(value))) }
  init(_ name: String, _ value: String) { self.init(name, .string(value)) }
}

/// Computes a case's gradient in two ways.
struct GradientCheck {
  private let entry: GradientCase
  private let isSymbolic: Bool
  private var random = SplitMix(state: 7)
  /// The operands that are differentiated, by index.
  private var values: [Int: [Double]] = [:]

  init(_ entry: GradientCase, isSymbolic: Bool) {
    self.entry = entry
    self.isSymbolic = isSymbolic
    for (index, operand) in entry.operands.enumerated() {
      guard case .x(let shape, let range) = operand else { continue }
      values[index] = (0..<shape.reduce(1, *)).map { _ in
        range.lowerBound + random.uniform() * (range.upperBound - range.lowerBound)
      }
    }
  }

  /// The largest difference between the gradient and what small steps of each element change.
  mutating func worstError() throws -> Double {
    let plain = try Session(model(weight: nil, wantsGradient: false))
    let shape = try #require(try plain.run(inputs())["y"]).shape
    let elements = (0..<shape.reduce(1, *)).map { _ in 0.5 + random.uniform() }
    let weight = try Tensor(elements, shape: shape)
    let function = try Session(model(weight: weight, wantsGradient: false))
    let gradients = try Session(model(weight: weight, wantsGradient: true)).run(inputs())
    var worst = 0.0
    for (index, elements) in values {
      let gradient = try #require(gradients["d\(index)"])
      guard case .x(let shape, _) = entry.operands[index] else { continue }
      #expect(gradient.shape == shape)
      let found = try gradient.numbers
      for place in elements.indices {
        let wanted = try slope(function, index, place)
        worst = max(worst, abs(found[place] - wanted) / (1 + abs(wanted)))
      }
    }
    return worst
  }

  /// A central difference.
  private mutating func slope(
    _ session: Session, _ index: Int, _ place: Int
  ) throws -> Double {
    let step = 0x1p-17
    let middle = values[index]?[place] ?? 0
    var sums: [Double] = []
    for sign in [1.0, -1] {
      values[index]?[place] = middle + sign * step
      sums.append(try #require(try session.run(inputs())["sum"]).numbers[0])
    }
    values[index]?[place] = middle
    return (sums[0] - sums[1]) / (2 * step)
  }

  private func inputs() throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (index, elements) in values {
      guard case .x(let shape, _) = entry.operands[index] else { continue }
      result["x\(index)"] = try Tensor(elements, shape: shape)
    }
    return result
  }

  /// The node, the sum of its weighted outputs, and the gradient of that.
  private func model(
    weight: Tensor?, wantsGradient: Bool
  ) throws -> Model {
    var model = Model(opsets: [
      OpsetImport("", entry.opset), OpsetImport("ai.onnx.preview.training", 1),
    ])
    var graph = Graph()
    var operands: [ValueID?] = []
    for (index, operand) in entry.operands.enumerated() {
      switch operand {
      case .none: operands.append(nil)
      case .given(let tensor):
        let value = model.addValue("c\(index)")
        graph.weights[value] = Weight(tensor)
        operands.append(value)
      case .x(let shape, _):
        let symbols = Shape(shape.indices.map { Dimension(stringLiteral: "x\(index)_\($0)") })
        let type = ValueType.tensor(.f64, isSymbolic ? symbols : Shape(shape))
        let value = model.addValue("x\(index)", type: type)
        graph.inputs.append(value)
        operands.append(value)
      }
    }
    let made = (0..<entry.outputs).map { model.addValue($0 == entry.output ? "y" : "o\($0)") }
    graph.nodes = [
      Node(entry.opType, inputs: operands, outputs: made, attributes: entry.attributes)
    ]
    graph.outputs = [made[entry.output]]
    if let weight {
      let factor = model.addValue("weight")
      graph.weights[factor] = Weight(weight)
      let (product, sum) = (model.addValue("product"), model.addValue("sum"))
      graph.nodes.append(Node("Mul", inputs: [made[entry.output], factor], outputs: [product]))
      graph.nodes.append(
        Node("ReduceSum", inputs: [product], outputs: [sum], attributes: [Attribute("keepdims", 0)])
      )
      graph.outputs = [sum]
    }
    if wantsGradient {
      let names = values.keys.sorted()
      graph.outputs = names.map { model.addValue("d\($0)") }
      graph.nodes.append(
        Node(
          "Gradient", domain: "ai.onnx.preview.training",
          inputs: names.map { operands[$0] }, outputs: graph.outputs,
          attributes: [
            Attribute("xs", .strings(names.map { "x\($0)" })), Attribute("y", "sum"),
          ]))
    }
    model.main = graph
    return model
  }
}

extension Tensor {
  fileprivate var numbers: [Double] { get throws { try array(of: Double.self) } }
}

/// The generator SplitMix64.
private struct SplitMix {
  var state: UInt64

  mutating func uniform() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((word ^ (word >> 31)) >> 11) / Double(1 << 53)
  }
}
