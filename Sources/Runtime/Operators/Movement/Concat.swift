/// `Concat`: tensors one behind the other along an axis.
///
/// |        | name            | shape | element types |
/// |--------|-----------------|-------|---------------|
/// | input  | `inputs`, 1 or more | equal but for `axis` | any, all the same |
/// | output | `concat_result` | as the inputs, their sum along `axis` | type of the inputs |
/// | attr   | `axis`          | −r ..< r | default 1 before opset 4 |
///
/// Source: ONNX `Concat`, opsets 1 to 13.
struct Concat: DataMovement {
  let axis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...Int.max)
    axis = node.opset < 4 ? try node.int("axis", default: 1) : try node.int("axis")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let first = try inputs.tensor(0)
    var result: Shape?
    var isExact = true
    for index in 0..<inputs.count {
      let type = try inputs.tensor(index, of: [first.element])
      guard let shape = type.shape else {
        isExact = false
        continue
      }
      result = try result.map { (sum) throws(ModelError) in try joined(sum, shape, index) } ?? shape
    }
    guard var result else { return [.tensor(first.element, nil)] }
    let axis = try result.axis(axis)
    if !isExact { result[axis] = .unknown }
    return [.tensor(first.element, result)]
  }

  private func joined(_ a: Shape, _ b: Shape, _ index: Int) throws(ModelError) -> Shape {
    guard a.rank == b.rank else {
      throw ModelError(
        .shapeMismatch, "input \(index) is \(b), the inputs before it \(a)", expected: "one rank")
    }
    let axis = try a.axis(axis)
    var result = a
    for other in 0..<a.rank {
      if other == axis {
        result[axis] = a[axis] + b[axis]
      } else if !a[other].canBe(b[other]) {
        throw ModelError(
          .shapeMismatch,
          "axis \(other) has extent \(b[other]) in input \(index), \(a[other]) before it",
          expected: "equal extents on all axes but \(axis)")
      } else if b[other].value != nil || a[other] == .unknown {
        result[other] = b[other]
      }
    }
    return result
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard [.i64, .i32].contains(try inputs.tensor(0).element) else { return [nil] }
    var extents: [Dimension] = []
    for index in 0..<inputs.count {
      guard try inputs.tensor(index).shape?.rank == 1, let part = inputs.extents(index) else {
        return [nil]
      }
      extents += part
    }
    return [.extents(extents, isScalar: false)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let output = try io.output()
    let axis = try Shape.normalize(axis, rank: output.rank)
    let strides = rowMajorStrides(output.shape)
    var moves: [(input: Int, move: PlannedMove)] = []
    var position = 0
    for (index, input) in io.inputs.enumerated() {
      guard let input else { continue }
      if input.count == output.count { return .alias(of: index) }
      let move = StridedMove(
        extents: input.shape, inStrides: rowMajorStrides(input.shape), outStrides: strides,
        outOffset: position * strides[axis])
      position += input.shape[axis]
      if input.count > 0 { moves.append((index, try move.planned(output.element.byteWidth))) }
    }
    let planned = moves
    return Kernel("concat") { context in
      for (input, move) in planned {
        move.run(from: context.inputBytes(input), to: context.outputBytes(), context)
      }
    }
  }
}
