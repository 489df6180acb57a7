import CKernels

/// `Where`: takes each element from one of two tensors.
///
///     output = condition ? X : Y, broadcast
///
/// |        | name        | shape | element types |
/// |--------|-------------|-------|---------------|
/// | input  | `condition` | any   | `bool`        |
/// | input  | `X`, `Y`    | any   | any, both the same |
/// | output | `output`    | all three broadcast | type of `X` |
///
/// Source: ONNX `Where`, opsets 9 and 16.
struct Where: DataMovement {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 3...3) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let condition = try inputs.tensor(0, of: [.bool])
    let x = try inputs.tensor(1)
    let y = try inputs.tensor(2, of: [x.element])
    guard let a = condition.shape, let b = x.shape, let c = y.shape else {
      return [.tensor(x.element, nil)]
    }
    return [.tensor(x.element, try b.broadcast(with: c).broadcast(with: a))]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard let condition = try? inputs.constant(0)?.array(of: Bool.self),
      let x = inputs.extents(1), let y = inputs.extents(2),
      case .tensor(let type)? = try outputTypes(inputs).first,
      let shape = type.shape, shape.rank <= 1, let count = shape.count.value,
      [condition.count, x.count, y.count].allSatisfy({ $0 == 1 || $0 == count })
    else { return [nil] }
    let extents = (0..<count).map { index in
      let source = condition[condition.count == 1 ? 0 : index] ? x : y
      return source[source.count == 1 ? 0 : index]
    }
    return [.extents(extents, isScalar: shape.rank == 0)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let output = try io.output()
    let strides = try (0..<3).map { (index) throws(ModelError) in
      Expand.strides(try io.input(index).shape, in: output.shape).map(Int64.init)
    }
    var plan = zoo_select()
    let taken = zoo_select_plan(
      &plan, Int32(output.rank), output.shape.map(Int64.init), strides[0], strides[1], strides[2],
      Int64(output.element.byteWidth))
    guard taken != 0 else {
      throw ModelError(.limitExceeded, "a selection over more than \(ZOO_MOVE_RANK) axes")
    }
    let (select, rows) = (plan, Int(plan.items))
    let grain = max(1, rows * (1 << 13) / max(1, output.count))
    return Kernel("where") { context in
      nonisolated(unsafe) let condition = context.inputBytes(0)
      nonisolated(unsafe) let x = context.inputBytes(1)
      nonisolated(unsafe) let y = context.inputBytes(2)
      nonisolated(unsafe) let z = context.outputBytes()
      context.parallel(rows, grain: grain) { range in
        withUnsafePointer(to: select) {
          zoo_select_run(
            $0, condition, x, y, z, Int64(range.lowerBound), Int64(range.upperBound))
        }
      }
    }
  }
}
