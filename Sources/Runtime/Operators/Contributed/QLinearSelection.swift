import ModelFormat

/// `QLinearConcat`: 8-bit tensors, each with its own scale, put together along an axis with a scale of its own.
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `Y_scale`, `Y_zero_point` | one element | `f32`; `u8`, `i8` |
/// | then for each tensor: itself, its scale, its zero point | as ``Concat``; one element | type of `Y_zero_point`, `f32` |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct QLinearConcat: ComposedOperator {
  let axis: Int
  let count: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...Int.max)
    axis = try node.int("axis")
    count = (node.inputCount - 2) / 3
    guard node.inputCount == 2 + 3 * count else {
      throw ModelError(
        .arityMismatch, "\(node.inputCount) inputs", expected: "2, and 3 for each tensor")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let element = try parts.input(1, of: QuantizedProduct.elements).element
    try parts.requireScale(0, 1, of: element)
    var values: [Composition.Value] = []
    for index in 0..<count {
      let first = 2 + 3 * index
      let x = try parts.input(first, of: [element])
      _ = try x.shape?.axis(axis)
      try parts.requireScale(first + 1, first + 2, of: element)
      let real = try parts.dequantized(x, try parts.input(first + 1), parts.optional(first + 2))
      values.append(
        try parts.quantized(real, try parts.input(0), parts.optional(1), as: element))
    }
    return [try parts.joined(values, axis: axis)]
  }
}

/// `QLinearWhere`: each element from one of two 8-bit tensors, rounded to the result's scale.
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `condition` | broadcast | `bool` |
/// | `X`, `x_scale`, `x_zero_point`, `Y`, `y_scale`, `y_zero_point` | broadcast; one element | `u8`, `i8`; `f32` |
/// | `z_scale`, `z_zero_point` | one element | `f32`, type of `X` |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct QLinearWhere: ComposedOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 9...9) }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let condition = try parts.input(0, of: [.bool])
    let element = try parts.input(1, of: QuantizedProduct.elements).element
    try parts.requireScale(7, 8, of: element)
    var sides: [Composition.Value] = []
    for first in [1, 4] {
      try parts.requireScale(first + 1, first + 2, of: element)
      let x = try parts.input(first, of: [element])
      let real = try parts.dequantized(x, try parts.input(first + 1), parts.optional(first + 2))
      sides.append(try parts.quantized(real, try parts.input(7), parts.optional(8), as: element))
    }
    return [try parts("Where", condition, sides[0], sides[1])]
  }
}
