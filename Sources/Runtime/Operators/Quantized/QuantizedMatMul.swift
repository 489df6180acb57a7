import CKernels
import ModelFormat

/// `QuantizedMatMul` of domain `zoo`: the product of 8-bit rows and an 8-bit matrix, and what follows it,
/// ``QuantizedEpilogue``.
///
/// |        | name | shape                             | element types      |
/// |--------|------|-----------------------------------|--------------------|
/// | input  | `x`  | `[…, k]`                          | `u8`, `i8`         |
/// | input  | `w`  | `[k, n]`, `[n, k]` if transposed  | `u8`, `i8`         |
/// | output | `y`  | `[…, n]`                          | `u8`, `i8`, `f32`  |
/// | attr   | `transB` | whether `w` is transposed     | default 0          |
///
/// `QuantizedLayerFusion` makes it.
struct QuantizedMatMul: TensorOperator {
  let isTransposed: Bool
  let epilogue: QuantizedEpilogue

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...7)
    isTransposed = try node.bool("transB", default: false)
    epilogue = try QuantizedEpilogue(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try epilogue.check(inputs)
    let shape = try MatrixExtents.shape(
      try inputs.tensor(0).shape, try inputs.tensor(1).shape, transposesB: isTransposed)
    return [.tensor(epilogue.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (shape, matrix) = (try io.input(0).shape, try io.input(1).shape)
    guard matrix.count == 2 else {
      throw ModelError(.shapeMismatch, "weights \(matrix)", expected: "a matrix")
    }
    let rows = Int64(shape.dropLast().reduce(1, *))
    let (k, n) = (Int64(matrix[isTransposed ? 1 : 0]), Int64(matrix[isTransposed ? 0 : 1]))
    let isa = zoo_cpu_isa()
    let isSigned = try io.input(1).element == .i8
    let isTransposed = isTransposed
    var layout = ScratchLayout()
    let weights = try PackedOperand(
      io, 1, isTransposed ? "qgemm_transposed" : "qgemm", zoo_qgemm_packed_bytes(isa, k, n), &layout
    ) { (from, to) in
      zoo_qgemm_pack(
        isa, k, n, from, isTransposed ? k : n, isTransposed ? 1 : 0, isSigned ? 1 : 0, to)
    }
    let bound = try epilogue.bound(to: io, channels: Int(n))
    return Kernel(
      "qgemm_\(String(cString: zoo_isa_name(isa)))", scratchBytes: layout.bytes,
      reuses: QuantizedEpilogue.reuses(io)
    ) { (context) throws(ModelError) in
      try bound.run(context) { (x, w, target) throws(ModelError) in
        var target = target
        target.epilogue.residual_ld = n
        try weights.withBytes(context) { packed in
          zoo_qgemm_run(
            isa, rows, n, k, context.inputBytes(0), k, x, packed, w, context.outputBytes(0), n,
            &target, Int32(context.threads))
        }
      }
    }
  }
}
