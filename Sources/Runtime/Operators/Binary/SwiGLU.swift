import CKernels
import LibC

/// `SwiGLU`: a gate that is passed through Swish, times a value: `y = a · sigmoid(α·a) · b`.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `A`, `B` | any, the same | `f16`, `bf16`, `f32`, `f64` |
/// | output | `Y`  | the same | type of `A` |
/// | attr   | `alpha` | | default 1 |
///
/// Source: ONNX `SwiGLU`, opset 28.
struct SwiGLU: FloatOperator {
  private let alpha: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    alpha = try node.float("alpha", default: 1)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: ElementType.floats)
    let b = try inputs.tensor(1, of: [a.element])
    guard let left = a.shape, let right = b.shape else { return [.tensor(a)] }
    guard left.canBe(right) else {
      throw ModelError(
        .shapeMismatch, "a gate \(left) and a value \(right)", expected: "equal shapes")
    }
    return [.tensor(a)]
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let count = try io.input(0).count
    let alpha = alpha
    return Kernel("swiglu_\(T.elementType)", reuses: [0: 0]) { context in
      let (a, b) = (context.input(0, as: T.self), context.input(1, as: T.self))
      let y = context.output(as: T.self)
      if T.self == Float.self {
        let swish = zoo_unary_f32_kernel(zoo_cpu_isa(), zoo_unary_swish)
        context.parallel(count, grain: Broadcast.grain / 4) { range in
          let start = range.lowerBound
          swish(asFloats(a + start), asFloats(y + start), range.count, alpha, 0)
          for i in range { y[i] *= b[i] }
        }
      } else {
        context.parallel(count, grain: Broadcast.grain / 16) { range in
          for i in range {
            let gate = Double(a[i])
            y[i] = T(gate / (1 + exp(-Double(alpha) * gate)) * Double(b[i]))
          }
        }
      }
    }
  }
}
