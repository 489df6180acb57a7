/// `Gradient`: partial derivatives of one tensor of the graph with respect to others, by ``Differentiation``.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | values of `xs`, then of `zs` | any | floats for `xs` |
/// | output | a gradient for each of `xs`  | of that input | type of that input |
/// | attr   | `xs`, `zs`, `y` | names of tensors of the graph | |
///
/// Nodes of the main graph are replaced by nodes that compute the gradients before anything is planned; one in a
/// subgraph is refused. Source: `ai.onnx.preview.training` `Gradient`, opset 1.
struct Gradient: ValueOperator {
  let xs: [String]
  let zs: [String]
  let y: String

  init(_ node: NodeReader) throws(ModelError) {
    xs = try node.strings("xs")
    zs = try node.strings("zs", default: [])
    y = try node.string("y")
    let count = xs.count + zs.count
    try node.require(inputs: count...count, outputs: 1...max(1, xs.count))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try xs.indices.map { (index) throws(ModelError) in
      .tensor(try inputs.tensor(index, of: ElementType.floats))
    }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    throw ModelError(
      .unsupportedOperator, "a gradient inside a subgraph", expected: "one in the main graph")
  }
}
