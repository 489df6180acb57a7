import CKernels
import ModelFormat

/// `DynamicQuantizeRows` of domain `zoo`: quantizes each row of a tensor by its own range, which is made to include 0.
///
///     scale = (max(x, 0) − min(x, 0)) / 255;   zero = round(−min(x, 0) / scale)      along the last axis
///     y = saturate(round(x / scale) + zero)
///
/// |        | name    | shape       | element types |
/// |--------|---------|-------------|---------------|
/// | input  | `x`     | `[…, k]`    | `f32`         |
/// | output | `y`     | `[…, k]`    | `u8`          |
/// | output | `scale` | `[…, 1]`    | `f32`         |
/// | output | `zero`  | `[…, 1]`    | `u8`          |
///
/// Ties round to even; a row of zeros has scale 1. `DynamicProductFusion` makes it.
struct DynamicQuantizeRows: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 3...3)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    var rows = x.shape
    if var shape = rows {
      _ = try shape.axis(-1)
      shape[shape.rank - 1] = .fixed(1)
      rows = shape
    }
    return [.tensor(.u8, x.shape), .tensor(.f32, rows), .tensor(.u8, rows)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shape = try io.input(0).shape
    let columns = shape.last ?? 0
    let rows = shape.dropLast().reduce(1, *)
    for index in 0..<3 { _ = try io.output(index) }
    let isa = zoo_cpu_isa()
    return Kernel("quantize_rows") { (context) throws(ModelError) in
      zoo_quantize_dynamic(
        isa, Int64(rows), Int64(columns), context.input(0), context.output(0), context.output(1),
        context.output(2), Int32(context.threads))
    }
  }
}
