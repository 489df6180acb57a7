import CKernels
import ModelFormat

/// `MatMul`: products of stacks of matrices; as `FusedMatMul` of domain `zoo` also what follows them.
///
///     Y = activation(alpha · op(A) · op(B) + bias + residual)
///
/// |        | name       | shape             | element types |
/// |--------|------------|-------------------|---------------|
/// | input  | `A`        | `[…, m, k]` or `[k]` | `f32`, `f64`, `f16`, `bf16`, `i32`, `u32`, `i64`, `u64` |
/// | input  | `B`        | `[…, k, n]` or `[k]` | type of `A` |
/// | input  | `bias`     | `[n]`, fused only | `f32` |
/// | input  | `residual` | shape of `Y`, fused only | `f32` |
/// | output | `Y`        | `[…, m, n]`       | type of `A` |
/// | attr   | `transA`, `transB` |           | fused only: swap the last two axes |
/// | attr   | `alpha`    |                   | fused only, default 1 |
///
/// The leading axes are broadcast. Source: ONNX `MatMul`, opsets 1, 9, 13; `numpy.matmul`.
struct MatMul: TensorOperator {
  let transposesA: Bool
  let transposesB: Bool
  let alpha: Float
  let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    let isFused = node.node.domain == "zoo"
    try node.require(inputs: isFused ? 2...4 : 2...2)
    transposesA = isFused ? try node.bool("transA", default: false) : false
    transposesB = isFused ? try node.bool("transB", default: false) : false
    alpha = isFused ? try node.float("alpha", default: 1) : 1
    activation = isFused ? try FusedActivation.decode(node) : FusedActivation.none
  }

  init(transposesB: Bool, alpha: Float) {
    (transposesA, self.transposesB, self.alpha) = (false, transposesB, alpha)
    activation = FusedActivation.none
  }

  static let elements: Set<ElementType> = [.f32, .f64, .f16, .bf16, .i32, .u32, .i64, .u64]

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: Self.elements)
    let b = try inputs.tensor(1, of: [a.element])
    let shape = try MatrixExtents.shape(
      a.shape, b.shape, transposesA: transposesA, transposesB: transposesB)
    let columns = b.shape.map { b in
      b.rank == 1 ? 1 : b[b.rank - (transposesB ? 2 : 1)]
    }
    try inputs.requireAddend(2, "a bias", a.element, columns.map { [$0] })
    try inputs.requireAddend(3, "a residual", a.element, shape)
    return [.tensor(a.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    let (a, b) = (try io.input(0), try io.input(1))
    try io.requireResidual(3)
    // A vector has no axes to swap.
    let (swapsA, swapsB) = (transposesA && a.rank > 1, transposesB && b.rank > 1)
    let extents = MatrixExtents(a.shape, b.shape, transposesA: swapsA, transposesB: swapsB)
    let product = MatrixProduct(
      extents: extents, transposesA: swapsA, transposesB: swapsB, alpha: alpha,
      activation: activation, bias: io.has(2) ? 2 : nil, residual: io.has(3) ? 3 : nil)
    return try product.kernel(io)
  }
}
