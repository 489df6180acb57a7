import CKernels
import ModelFormat

/// `Gemm`: one product of matrices, plus a third; as `FusedGemm` of domain `zoo` with an activation.
///
///     Y = activation(alpha · op(A) · op(B) + beta · C)
///
/// |        | name | shape                            | element types                  |
/// |--------|------|----------------------------------|--------------------------------|
/// | input  | `A`  | `[m, k]`, with `transA` `[k, m]` | `f32`, `f64`, `f16`, `bf16`, `i32`, `u32`, `i64`, `u64` |
/// | input  | `B`  | `[k, n]`, with `transB` `[n, k]` | type of `A`                    |
/// | input  | `C`  | broadcast to `[m, n]`; optional since opset 11 | type of `A`      |
/// | output | `Y`  | `[m, n]`                         | type of `A`                    |
/// | attr   | `alpha`, `beta` |                       | default 1                      |
/// | attr   | `transA`, `transB` |                    | default 0                      |
///
/// Source: ONNX `Gemm`, opsets 1, 6, 7, 9, 11, 13.
struct Gemm: TensorOperator {
  let transposesA: Bool
  let transposesB: Bool
  let alpha: Float
  let beta: Float
  let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    let isFused = node.node.domain == "zoo"
    try node.require(inputs: node.opset < 11 && !isFused ? 3...3 : 2...3)
    transposesA = try node.bool("transA", default: false)
    transposesB = try node.bool("transB", default: false)
    alpha = try node.float("alpha", default: 1)
    beta = try node.float("beta", default: 1)
    activation = isFused ? try FusedActivation.decode(node) : FusedActivation.none
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: MatMul.elements)
    let b = try inputs.tensor(1, of: [a.element])
    for (name, shape) in [("A", a.shape), ("B", b.shape)] {
      guard let shape, shape.rank != 2 else { continue }
      throw ModelError(.shapeMismatch, "\(name) is \(shape)", expected: "a matrix")
    }
    let product = try MatrixExtents.shape(
      a.shape, b.shape, transposesA: transposesA, transposesB: transposesB)
    let c = inputs.has(2) ? try inputs.tensor(2, of: [a.element]) : nil
    if let c = c?.shape, let product { try check(c, product) }
    return [.tensor(a.element, product ?? [.unknown, .unknown])]
  }

  private func check(_ c: Shape, _ product: Shape) throws(ModelError) {
    let axes = Array(repeating: Dimension.fixed(1), count: max(0, 2 - c.rank)) + c.dimensions
    let fits =
      axes.count == 2
      && zip(axes, product.dimensions).allSatisfy {
        $0 == .fixed(1) || $0.canBe($1)
      }
    guard !fits else { return }
    throw ModelError(
      .shapeMismatch, "C is \(c)", expected: "a shape that is broadcast to \(product)")
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    let (a, b) = (try io.input(0), try io.input(1))
    let extents = MatrixExtents(
      a.shape, b.shape, transposesA: transposesA, transposesB: transposesB)
    let c = io.has(2) && beta != 0 ? try io.input(2).shape : nil
    if let number = zoo_number(a.element) { return plain(number, extents, c) }
    var product = MatrixProduct(
      extents: extents, transposesA: transposesA, transposesB: transposesB, alpha: alpha,
      activation: activation)
    guard let c else { return try product.kernel(io) }
    if beta == 1, c.reduce(1, *) == extents.n, c.last == extents.n {
      product.bias = 2
      return try product.kernel(io)
    }
    return try addend(c, extents, product, io)
  }

  /// Any other C is written out into the result first, to which the product is then added.
  private func addend(
    _ c: [Int], _ extents: MatrixExtents, _ product: MatrixProduct, _ io: NodeIO
  ) throws(ModelError) -> Kernel {
    var product = product
    product.residual = io.inputs.count
    let kernel = try product.kernel(io)
    guard case .run(let body) = kernel.action else { return kernel }
    let (m, n, beta, inputs) = (extents.m, extents.n, beta, io.inputs.count)
    let strides = Self.strides(c)
    return Kernel(kernel.name) { (context) throws(ModelError) in
      let from = context.input(2, as: Float.self)
      let to = context.output(0, as: Float.self)
      for i in 0..<m {
        for j in 0..<n { to[i * n + j] = beta * from[i * strides.row + j * strides.column] }
      }
      // Output 0 follows the inputs, so it can be read as one more of them.
      try body(
        KernelContext(
          table: context.table, slots: context.slots, inputCount: inputs, outputCount: 1,
          threads: context.threads))
    }
  }

  private static func strides(_ c: [Int]) -> (row: Int, column: Int) {
    let axes = Array(repeating: 1, count: max(0, 2 - c.count)) + c
    return (axes[0] == 1 ? 0 : axes[1], axes[1] == 1 ? 0 : 1)
  }

  private func plain(_ number: zoo_number, _ extents: MatrixExtents, _ c: [Int]?) -> Kernel {
    let (m, n, k) = (Int64(extents.m), Int64(extents.n), Int64(extents.k))
    let strides = c.map { Self.strides($0) }
    let op = self
    return Kernel("matmul_any") { (context) throws(ModelError) in
      var addend = zoo_matrix()
      if let strides {
        addend = zoo_matrix(
          data: context.inputBytes(2), row: Int64(strides.row), column: Int64(strides.column))
      }
      zoo_matmul_any(
        number, m, n, k, Double(op.alpha),
        zoo_matrix(
          data: context.inputBytes(0), row: op.transposesA ? 1 : k, column: op.transposesA ? m : 1),
        zoo_matrix(
          data: context.inputBytes(1), row: op.transposesB ? 1 : n, column: op.transposesB ? k : 1),
        Double(op.beta), addend, context.outputBytes(0))
    }
  }
}
