/// `Imputer`: replaces one value, such as NaN, by another; one replacement for all features or one each.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[…, F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | of `X` | type of `X`  |
/// | attr   | `imputed_value_floats`, `replaced_value_float` | `[F]` or `[1]` | for floats |
/// | attr   | `imputed_value_int64s`, `replaced_value_int64` | `[F]` or `[1]` | for integers |
///
/// Source: `ai.onnx.ml` `Imputer`, version 1.
struct Imputer: TensorOperator {
  private let floats: [Float]?
  private let integers: [Int]?
  private let replacedFloat: Float
  private let replacedInteger: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    floats = node.has("imputed_value_floats") ? try node.floats("imputed_value_floats") : nil
    integers = node.has("imputed_value_int64s") ? try node.ints("imputed_value_int64s") : nil
    replacedFloat = try node.float("replaced_value_float", default: 0)
    replacedInteger = try node.int("replaced_value_int64", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0, of: FeatureRows.types)
    let count = type.element.isFloatingPoint ? floats?.count : integers?.count
    guard let count, count > 0 else {
      throw ModelError(
        .invalidAttribute, "no value to impute into a tensor of \(type.element)",
        expected: type.element.isFloatingPoint ? "'imputed_value_floats'" : "'imputed_value_int64s'"
      )
    }
    if count > 1, let columns = type.shape?.dimensions.last?.value, columns != count {
      throw ModelError(
        .shapeMismatch, "\(count) values to impute into \(columns) features",
        expected: "1 or \(columns)")
    }
    return [.tensor(type)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    switch x.element {
    case .f32:
      let replaced = replacedFloat
      return kernel(x, floats ?? []) { $0 == replaced || ($0.isNaN && replaced.isNaN) }
    case .f64:
      let replaced = Double(replacedFloat)
      return kernel(x, (floats ?? []).map(Double.init)) {
        $0 == replaced || ($0.isNaN && replaced.isNaN)
      }
    case .i32:
      let replaced = Int32(truncatingIfNeeded: replacedInteger)
      let values = (integers ?? []).map(Int32.init(truncatingIfNeeded:))
      return kernel(x, values) { $0 == replaced }
    default:
      let replaced = replacedInteger
      return kernel(x, integers ?? []) { $0 == replaced }
    }
  }

  private func kernel<T: TensorElement>(
    _ x: NodeIO.Operand, _ values: [T], _ isMissing: @escaping @Sendable (T) -> Bool
  ) -> Kernel {
    let count = x.count
    return Kernel("imputer", reuses: [0: 0]) { context in
      let x = context.input(0, as: T.self)
      let y = context.output(as: T.self)
      for index in 0..<count {
        y[index] = isMissing(x[index]) ? values[index % values.count] : x[index]
      }
    }
  }
}
