import CKernels
import ModelFormat

/// `TableLookup` of domain `zoo`: a function of 8-bit codes, given by its 256 values.
///
///     y = table[x]                      x as an unsigned byte
///
/// |        | name    | shape        | element types |
/// |--------|---------|--------------|---------------|
/// | input  | `x`     | any          | `u8`, `i8`    |
/// | input  | `table` | `[256]`      | `u8`, `i8`    |
/// | output | `y`     | shape of `x` | type of `table` |
///
/// `QuantizedMapFusion` makes it.
struct TableLookup: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: QuantizedProduct.elements)
    let table = try inputs.tensor(1, of: QuantizedProduct.elements)
    if let shape = table.shape, shape.rank != 1 || !shape[0].canBe(.fixed(256)) {
      throw ModelError(.shapeMismatch, "a table \(shape)", expected: "[256]")
    }
    return [.tensor(table.element, x.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let count = Int64(try io.input(0).count)
    return Kernel("table_lookup", reuses: [0: 0]) { context in
      zoo_qtable_run(
        zoo_cpu_isa(), context.input(1), count, context.input(0), context.output(),
        Int32(context.threads))
    }
  }
}
