/// `DepthToSpace`: channels become blocks of pixels.
///
///     y[n, c, h·b + i, w·b + j] = x[n, (i·b + j)·C + c, h, w]   DCR (default)
///     y[n, c, h·b + i, w·b + j] = x[n, (c·b + i)·b + j, h, w]   CRD, since opset 11
///
/// Source: ONNX `DepthToSpace`, opsets 1 to 13. Any element type.
struct DepthToSpace: DataMovement {
  let block: Int
  let columnsFirst: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    block = try blockSize(node)
    columnsFirst = try node.choice("mode", of: ["DCR", "CRD"], default: "DCR") == "CRD"
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    guard let shape = type.shape else { return [.tensor(type)] }
    try requireImage(shape, multiplesOf: block * block, axes: [1])
    let factor = Dimension.fixed(block)
    return [
      .tensor(
        type.element,
        [shape[0], shape[1] / (factor * factor), shape[2] * factor, shape[3] * factor])
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    let (plane, b) = (x[2] * x[3], block)
    // Axes: n, c, h, i, w, j of the output.
    let (across, down, right) = columnsFirst ? (b * b, b, 1) : (1, b * y[1], y[1])
    return try StridedMove(
      extents: [x[0], y[1], x[2], b, x[3], b],
      inStrides: [x[1] * plane, across * plane, x[3], down * plane, 1, right * plane],
      outStrides: [y[1] * y[2] * y[3], y[2] * y[3], b * y[3], y[3], b, 1]
    ).kernel("depth_to_space", io)
  }
}

/// `SpaceToDepth`: blocks of pixels become channels, the counterpart of `DepthToSpace`.
///
///     y[n, (i·b + j)·C + c, h, w] = x[n, c, h·b + i, w·b + j]   DCR (default)
///     y[n, (c·b + i)·b + j, h, w] = x[n, c, h·b + i, w·b + j]   CRD, since opset 28
///
/// Source: ONNX `SpaceToDepth`, opsets 1 to 28. Any element type.
struct SpaceToDepth: DataMovement {
  let block: Int
  let columnsFirst: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    block = try blockSize(node)
    columnsFirst = try node.choice("mode", of: ["DCR", "CRD"], default: "DCR") == "CRD"
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    guard let shape = type.shape else { return [.tensor(type)] }
    try requireImage(shape, multiplesOf: block, axes: [2, 3])
    let factor = Dimension.fixed(block)
    return [
      .tensor(
        type.element, [shape[0], shape[1] * factor * factor, shape[2] / factor, shape[3] / factor])
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    let (plane, b) = (y[2] * y[3], block)
    let (across, down, right) = columnsFirst ? (b * b, b, 1) : (1, b * x[1], x[1])
    // Axes: n, i, j, c, h, w of the output.
    return try StridedMove(
      extents: [x[0], b, b, x[1], y[2], y[3]],
      inStrides: [x[1] * x[2] * x[3], x[3], 1, x[2] * x[3], b * x[3], b],
      outStrides: [y[1] * plane, down * plane, right * plane, across * plane, y[3], 1]
    ).kernel("space_to_depth", io)
  }
}

private func blockSize(_ node: NodeReader) throws(ModelError) -> Int {
  let block = try node.int("blocksize")
  guard block > 0, block < 1 << 16 else {
    throw ModelError(.invalidAttribute, "attribute 'blocksize' is \(block)", expected: "1 or more")
  }
  return block
}

private func requireImage(
  _ shape: Shape, multiplesOf divisor: Int, axes: [Int]
) throws(ModelError) {
  guard shape.rank == 4, axes.allSatisfy({ (shape[$0].value ?? 0) % divisor == 0 }) else {
    throw ModelError(
      .shapeMismatch, "a tensor \(shape)",
      expected: "[N, C, H, W] with multiples of \(divisor) at axes \(axes)")
  }
}
