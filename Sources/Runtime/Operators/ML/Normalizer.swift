/// `Normalizer`: divides each row by its largest element (`MAX`), the sum of its magnitudes (`L1`) or its Euclidean
/// length (`L2`); a row whose divisor is 0 stays as it is.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, C]` or `[C]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | of `X` | `f32`        |
/// | attr   | `norm` | | `MAX` (default), `L1`, `L2` |
///
/// Source: `ai.onnx.ml` `Normalizer`, version 1.
struct Normalizer: TensorOperator {
  let norm: String

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    norm = try node.choice("norm", of: ["MAX", "L1", "L2"], default: "MAX")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(.f32, try inputs.features().shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let features = FeatureRows(try io.input(0))
    let (columns, norm) = (features.columns, norm)
    return Kernel("normalizer", scratchBytes: features.scratchBytes) { context in
      let x = features.floats(context.inputBytes(0), scratch: context.scratch)
      let y = context.output(as: Float.self)
      for row in 0..<features.rows {
        let values = UnsafeBufferPointer(start: x + row * columns, count: columns)
        let divisor =
          switch norm {
          case "L1": values.reduce(0) { $0 + abs($1) }
          case "L2": values.reduce(0) { $0 + $1 * $1 }.squareRoot()
          default: values.max() ?? 0
          }
        for column in 0..<columns {
          y[row * columns + column] = divisor == 0 ? values[column] : values[column] / divisor
        }
      }
    }
  }
}
