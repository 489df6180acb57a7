import CKernels
import ModelFormat

/// `QLinearAdd` and `QLinearMul`: sums and products of 8-bit numbers, rounded to 8 bits.
///
///     y = saturate(round((a − a_zero) · a_scale ∘ (b − b_zero) · b_scale) / y_scale + y_zero)
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `A`, `B` | broadcast | `u8`, `i8` |
/// | `A_scale`, `A_zero_point`, `B_scale`, `B_zero_point`, `C_scale`, `C_zero_point` | one element; zero points optional | `f32`, type of `A` |
///
/// Ties round to even once the zero point is added. Source: ONNX Runtime's contributed operators, version 1.
struct QLinearBinary: TensorOperator {
  enum Operation { case add, multiply }

  let operation: Operation

  init(_ node: NodeReader, _ operation: Operation) throws(ModelError) {
    try node.require(inputs: 7...8, optional: [2, 5])
    self.operation = operation
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: QuantizedProduct.elements)
    let b = try inputs.tensor(3, of: [a.element])
    for index in [1, 4, 6] { _ = try inputs.tensor(index, of: [.f32]) }
    for index in [2, 5, 7] where inputs.has(index) { _ = try inputs.tensor(index, of: [a.element]) }
    return [.tensor(a.element, try Shape.broadcast([a.shape, b.shape]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    for index in [1, 2, 4, 5, 6, 7] where io.has(index) {
      guard try io.input(index).count == 1 else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(try io.input(index).shape)",
          expected: "one element")
      }
    }
    let isSigned = try io.input(0).element == .i8
    let broadcast = Broadcast(
      [try io.input(0).shape, try io.input(3).shape], to: try io.output().shape)
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    let body: @convention(c) (UnsafePointer<zoo_qlinear_binary>) -> Void =
      switch operation {
      case .add: isSigned ? kernels.qlinear_add_s8 : kernels.qlinear_add_u8
      case .multiply: isSigned ? kernels.qlinear_mul_s8 : kernels.qlinear_mul_u8
      }
    let zeros = [2, 5, 7].map { io.has($0) ? $0 : nil }
    let name = operation == .add ? "qlinear_add" : "qlinear_mul"
    return Kernel(name) { context in
      let call = zoo_qlinear_binary(
        a: context.inputBytes(0), b: context.inputBytes(3), y: context.outputBytes(0), count: 0,
        a_stride: Int32(broadcast.innerStrides[0]), b_stride: Int32(broadcast.innerStrides[1]),
        a_scale: context.input(1)[0], b_scale: context.input(4)[0], y_scale: context.input(6)[0],
        a_zero: Self.zero(context, zeros[0], isSigned),
        b_zero: Self.zero(context, zeros[1], isSigned),
        y_zero: Self.zero(context, zeros[2], isSigned))
      nonisolated(unsafe) let shared = call
      broadcast.forEachPiece(context) { at, offsets, count in
        var piece = shared
        piece.a += offsets[0]
        piece.b += offsets[1]
        piece.y += at
        piece.count = count
        body(&piece)
      }
    }
  }

  /// The zero point at input `index`; 0 if it is left out.
  private static func zero(
    _ context: borrowing KernelContext, _ index: Int?, _ isSigned: Bool
  ) -> Int32 {
    guard let index else { return 0 }
    return isSigned
      ? Int32(context.input(index, as: Int8.self)[0])
      : Int32(context.input(index, as: UInt8.self)[0])
  }
}
