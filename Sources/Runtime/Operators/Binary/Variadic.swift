import CKernels

/// `Min`, `Max`, `Sum` and `Mean` of any number of operands, element by element after broadcasting.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | 1 or more | broadcast together | `Sum`, `Mean`: floats; `Min`, `Max`: also integers |
/// | output | `y`     | all, broadcast | type of the operands |
///
/// `Min` and `Max` are NaN where any operand is. Source: ONNX, opsets 1, 6, 8, 12, 13.
struct Variadic: TensorOperator {
  let op: zoo_binary
  let isMean: Bool

  init(_ node: NodeReader, _ op: zoo_binary, isMean: Bool = false) throws(ModelError) {
    try node.require(inputs: 1...Int.max)
    self.op = op
    self.isMean = isMean
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let isSum = op == zoo_binary_add
    let first = try inputs.tensor(0, of: isSum ? ElementType.floats : ElementType.numbers)
    var shapes: [Shape?] = []
    for index in 0..<inputs.count {
      shapes.append(try inputs.tensor(index, of: [first.element]).shape)
    }
    return [.tensor(first.element, try Shape.broadcast(shapes))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let y = try io.output()
    let stage = try Stage(io, as: y.element.isFloatingPoint ? y.element.computeType : y.element)
    let type = try (y.element.isFloatingPoint ? y.element.computeType : y.element).requireScalar()
    var shapes: [[Int]] = []
    for index in io.inputs.indices { shapes.append(try io.input(index).shape) }
    let loops = shapes.indices.dropFirst().map { index in
      BinaryLoop(
        op: op, compute: type, inputs: [type, type], output: type,
        broadcast: Broadcast([index == 1 ? shapes[0] : y.shape, shapes[index]], to: y.shape))
    }
    let divisor = isMean ? Double(shapes.count) : 1
    if loops.isEmpty { return .alias() }
    return Kernel(String(cString: zoo_binary_name(op)), scratchBytes: stage.scratchOffset) {
      context in
      stage.load(context)
      let output = UnsafeMutableRawPointer(stage.output(context, 0, as: UInt8.self))
      for (index, loop) in loops.enumerated() {
        let left: UnsafeRawPointer =
          index == 0
          ? UnsafeRawPointer(stage.input(context, 0, as: UInt8.self)) : UnsafeRawPointer(output)
        loop.run(
          context, left, UnsafeRawPointer(stage.input(context, index + 1, as: UInt8.self)), output)
      }
      if isMean { Self.divide(output, type, y.count, by: divisor) }
      stage.store(context)
    }
  }

  private static func divide(
    _ y: UnsafeMutableRawPointer, _ type: zoo_scalar, _ count: Int, by divisor: Double
  ) {
    let kernel = zoo_binary_kernel_for(zoo_cpu_isa(), zoo_binary_div, type)
    if type == zoo_f64 {
      withUnsafePointer(to: divisor) { kernel?(y, 1, $0, 0, y, count) }
    } else {
      withUnsafePointer(to: Float(divisor)) { kernel?(y, 1, $0, 0, y, count) }
    }
  }
}
