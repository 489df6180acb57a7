/// `FeatureVectorizer`: the columns of all inputs side by side as floats.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`, 1 or more | `[N, C_i]` or `[C_i]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | `[N, Σ C_i]` | `f32`  |
/// | attr   | `inputdimensions` | | C_i each; columns beyond an input's own are 0 |
///
/// Source: `ai.onnx.ml` `FeatureVectorizer`, version 1.
struct FeatureVectorizer: TensorOperator {
  private let widths: [Int]?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...Int.max)
    widths = node.has("inputdimensions") ? try node.ints("inputdimensions") : nil
    if let widths, widths.count != node.inputCount || widths.contains(where: { $0 < 0 }) {
      throw ModelError(
        .invalidAttribute, "attribute 'inputdimensions' is \(widths)",
        expected: "one extent for each of \(node.inputCount) inputs")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    var rows = Dimension.unknown
    var columns = Dimension.fixed(0)
    for index in 0..<inputs.count {
      let shape = try inputs.tensor(index, of: FeatureRows.types).shape
      let own = shape?.dimensions.last ?? .unknown
      columns = columns + (widths.map { .fixed($0[index]) } ?? own)
      guard let shape else { continue }
      let count: Dimension = shape.rank < 2 ? 1 : shape[0]
      guard rows.canBe(count), shape.rank <= 2 else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(shape)", expected: "a matrix of \(rows) rows")
      }
      rows = count
    }
    return [.tensor(.f32, [rows, columns])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let output = try io.output().shape
    var parts: [(features: FeatureRows, start: Int, width: Int)] = []
    var start = 0
    for index in io.inputs.indices {
      let features = FeatureRows(try io.input(index))
      let width = widths?[index] ?? features.columns
      parts.append((features, start, width))
      start += width
    }
    let (pieces, total, rows) = (parts, output[1], output[0])
    return Kernel("feature_vectorizer") { context in
      let y = context.output(as: Float.self)
      for (index, part) in pieces.enumerated() {
        let columns = part.features.columns
        for row in 0..<rows {
          for column in 0..<part.width {
            y[row * total + part.start + column] =
              column < columns
              ? Float(part.features.double(context.inputBytes(index), row * columns + column)) : 0
          }
        }
      }
    }
  }
}
