/// `DepthToSpace`: channels become blocks of pixels.
///
///     y[n, c, h·b + i, w·b + j] = x[n, (i·b + j)·C + c, h, w]   DCR (default)
///     y[n, c, h·b + i, w·b + j] = x[n, (c·b + i)·b + j, h, w]   CRD, since opset 11
///
/// Source: ONNX `DepthToSpace`, opsets 1 to 13. Any element type.
struct DepthToSpace: DataMovement {
  let blocks: PixelBlocks

  init(_ node: NodeReader) throws(ModelError) { blocks = try PixelBlocks(node) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    guard let shape = type.shape else { return [.tensor(type)] }
    let b = blocks.size
    try requireImage(shape, multiplesOf: b * b, axes: [1])
    let factor = Dimension.fixed(b)
    return [
      .tensor(
        type.element,
        [shape[0], shape[1] / (factor * factor), shape[2] * factor, shape[3] * factor])
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let layout = blocks.layout(wide: try io.output().shape)
    return try StridedMove(
      extents: layout.extents, inStrides: layout.deep, outStrides: layout.wide
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
  let blocks: PixelBlocks

  init(_ node: NodeReader) throws(ModelError) { blocks = try PixelBlocks(node) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    guard let shape = type.shape else { return [.tensor(type)] }
    try requireImage(shape, multiplesOf: blocks.size, axes: [2, 3])
    let factor = Dimension.fixed(blocks.size)
    return [
      .tensor(
        type.element, [shape[0], shape[1] * factor * factor, shape[2] / factor, shape[3] / factor])
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let layout = blocks.layout(wide: try io.input(0).shape)
    return try StridedMove(
      extents: layout.extents, inStrides: layout.wide, outStrides: layout.deep
    ).kernel("space_to_depth", io)
  }
}

/// How blocks of pixels and channels stand for each other.
struct PixelBlocks {
  /// b, the pixels of a block along each axis.
  let size: Int
  private let columnsFirst: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    size = try node.int("blocksize")
    guard size > 0, size < 1 << 16 else {
      throw ModelError(.invalidAttribute, "attribute 'blocksize' is \(size)", expected: "1 or more")
    }
    columnsFirst = try node.choice("mode", of: ["DCR", "CRD"], default: "DCR") == "CRD"
  }

  /// The axes n, c, h, i, w, j and their strides in the `wide` tensor, `[N, C, H·b, W·b]`, and in the deep one,
  /// `[N, C·b², H, W]`.
  func layout(wide y: [Int]) -> (extents: [Int], wide: [Int], deep: [Int]) {
    let (b, channels, rows, columns) = (size, y[1], y[2] / size, y[3] / size)
    let plane = rows * columns
    let (across, down, right) = columnsFirst ? (b * b, b, 1) : (1, b * channels, channels)
    return (
      [y[0], channels, rows, b, columns, b],
      [channels * y[2] * y[3], y[2] * y[3], b * y[3], y[3], b, 1],
      [channels * b * b * plane, across * plane, columns, down * plane, 1, right * plane]
    )
  }
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
