/// `Binarizer`: `Y = X > threshold ? 1 : 0`, in the type of `X` (`f32`, `f64`, `i64`, `i32`). Source: `ai.onnx.ml`
/// `Binarizer`, version 1.
struct Binarizer: TensorOperator {
  let threshold: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    threshold = try node.float("threshold", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(try inputs.tensor(0, of: FeatureRows.types))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0)
    let (count, limit) = (input.count, Double(threshold))
    let features = FeatureRows(input)
    func kernel<T: TensorElement>(_ zero: T, _ one: T) -> Kernel {
      Kernel("binarizer", reuses: [0: 0]) { context in
        let y = context.output(as: T.self)
        for index in 0..<count {
          y[index] = features.double(context.inputBytes(0), index) > limit ? one : zero
        }
      }
    }
    switch input.element {
    case .f32: return kernel(Float(0), 1)
    case .f64: return kernel(Double(0), 1)
    case .i32: return kernel(Int32(0), 1)
    default: return kernel(Int64(0), 1)
    }
  }
}
