/// `Scaler`: `Y = (X − offset) · scale`, both per feature or one for all.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[…, F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | of `X` | `f32`        |
/// | attr   | `offset`, `scale` | `[F]` or `[1]` | |
///
/// Source: `ai.onnx.ml` `Scaler`, version 1.
struct Scaler: TensorOperator {
  let offset: [Float]
  let scale: [Float]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    offset = try node.floats("offset", default: [0])
    scale = try node.floats("scale", default: [1])
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let features = try inputs.features()
    if let columns = features.columns.value {
      for (name, list) in [("offset", offset), ("scale", scale)]
      where list.count != 1 && list.count != columns {
        throw ModelError(
          .shapeMismatch, "attribute '\(name)' has \(list.count) entries for \(columns) features",
          expected: "1 or \(columns)")
      }
    }
    return [.tensor(.f32, features.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let features = FeatureRows(try io.input(0))
    let columns = features.columns
    let offsets = offset.count == columns ? offset : Array(repeating: offset[0], count: columns)
    let scales = scale.count == columns ? scale : Array(repeating: scale[0], count: columns)
    return Kernel("scaler", scratchBytes: features.scratchBytes) { context in
      let x = features.floats(context.inputBytes(0), scratch: context.scratch)
      let y = context.output(as: Float.self)
      for row in 0..<features.rows {
        for column in 0..<columns {
          y[row * columns + column] = (x[row * columns + column] - offsets[column]) * scales[column]
        }
      }
    }
  }
}
