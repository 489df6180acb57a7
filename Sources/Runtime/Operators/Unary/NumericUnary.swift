import CKernels

/// `Abs`, `Neg`, `Sign` and `Relu`: functions that integers have as well.
///
/// |        | name | shape        | element types |
/// |--------|------|--------------|---------------|
/// | input  | `x`  | any          | floats and integers of 8 to 64 bits |
/// | output | `y`  | shape of `x` | type of `x`   |
///
/// The smallest integer is its own absolute value and negative. Source: ONNX `Abs`, `Neg`, `Sign`, `Relu`,
/// opsets 1 to 14.
struct NumericUnary: TensorOperator {
  enum Function: Sendable { case abs, neg, sign, relu }

  let function: Function

  init(_ node: NodeReader, _ function: Function) throws(ModelError) {
    try node.require(inputs: 1...1)
    self.function = function
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(try inputs.tensor(0, of: ElementType.numbers))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    if x.element.isInteger {
      return try x.element.visitInteger(Loop(function: function, count: x.count))
    }
    let op: zoo_unary =
      switch function {
      case .abs: zoo_unary_abs
      case .neg: zoo_unary_neg
      case .sign: zoo_unary_sign
      case .relu: zoo_unary_relu
      }
    return UnaryMath.kernel(op, a: 0, b: 0, x.element, count: x.count)
  }

  private struct Loop: IntegerVisitor {
    let function: Function
    let count: Int

    func visit<T: IntegerElement>(_ type: T.Type) -> Kernel {
      let function = function
      let count = count
      return Kernel("\(function)_\(T.elementType)", reuses: [0: 0]) { context in
        let x = context.input(0, as: T.self)
        let y = context.output(as: T.self)
        for i in 0..<count {
          let v = x[i]
          y[i] =
            switch function {
            case .abs: v < 0 ? 0 &- v : v
            case .neg: 0 &- v
            case .sign: v.signum()
            case .relu: Swift.max(v, 0)
            }
        }
      }
    }
  }
}
