/// `IsNaN` and `IsInf`: which elements are not numbers.
///
/// |        | name | shape        | element types |
/// |--------|------|--------------|---------------|
/// | input  | `x`  | any          | `f16`, `bf16`, `f32`, `f64`, the 8-bit floats |
/// | output | `y`  | shape of `x` | `bool`        |
/// | attr   | `detect_positive`, `detect_negative` | | `IsInf`: default 1 |
///
/// Source: ONNX `IsNaN`, opsets 9, 13, 20; `IsInf`, opsets 10, 20.
struct FloatTest: TensorOperator {
  let findsNaN: Bool
  let findsPositive: Bool
  let findsNegative: Bool

  private static let types = ElementType.floats.union([
    .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz,
  ])

  init(isNaN node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    (findsNaN, findsPositive, findsNegative) = (true, false, false)
  }

  init(isInf node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    findsNaN = false
    findsPositive = try node.bool("detect_positive", default: true)
    findsNegative = try node.bool("detect_negative", default: true)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(.bool, try inputs.tensor(0, of: Self.types).shape)]
  }

  private func holds(_ value: Double) -> Bool {
    findsNaN ? value.isNaN : value.isInfinite && (value < 0 ? findsNegative : findsPositive)
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let element = try io.input(0).element
    let count = try io.input(0).count
    let codec = try ElementCodec(element)
    return Kernel(findsNaN ? "is_nan" : "is_inf") { context in
      let x = context.inputBytes(0)
      let y = context.output(as: Bool.self)
      var value = 0.0
      for i in 0..<count {
        codec.decode(x, i, 1, &value)
        y[i] = holds(value)
      }
    }
  }
}
