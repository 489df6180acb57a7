import CKernels

/// `BlockedResize`: `Resize` or `Upsample` of images in channel blocks along their spatial axes.
///
/// |        | name | shape            | element types |
/// |--------|------|------------------|---------------|
/// | input  | `x`  | images in blocks | `f32`         |
/// | input  | as ONNX's operator | | |
/// | output | `y`  | images in blocks | `f32`         |
/// | attr   | `channels` | how many lanes are channels | |
/// | attr   | `operator_version`, `upsample` | the ONNX operator that this was, and its opset | |
struct BlockedResize: TensorOperator {
  let channels: Int
  let resize: Resize

  init(_ node: NodeReader) throws(ModelError) {
    channels = try node.int("channels")
    let original = NodeReader(node.node, opset: try node.int("operator_version"))
    resize =
      try node.bool("upsample", default: false)
      ? Resize(upsample: original) : Resize(original)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try ChannelBlocks.input(inputs, 0)
    guard let shape = x.shape else { return [.tensor(.f32, nil)] }
    let planes = ChannelBlocks.planes(shape, channels: .fixed(channels))
    guard var y = try resize.target.outputShape(planes, inputs), y.rank == 4 else {
      return [.tensor(.f32, nil)]
    }
    y[1] = .fixed(channels)
    return [.tensor(.f32, ChannelBlocks.shape(y))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (blocks, y) = (try io.input(0), try io.output().shape)
    let x = ChannelBlocks.planes(blocks.shape, channels: channels)
    let planes = io.replacing(input: 0, shape: x)
    guard let scales = try resize.target.scales(planes),
      let top = try resize.target.crop(planes, 2), let left = try resize.target.crop(planes, 3)
    else { return .deferred }
    let rows = ResizeAxis(
      axis: 2, input: x[2], output: y[2], scale: scales[2], crop: top, resize.rule)
    let columns = ResizeAxis(
      axis: 3, input: x[3], output: y[3], scale: scales[3], crop: left, resize.rule)
    let (rowWeights, columnWeights) = (
      rows.weights.map(Float.init), columns.weights.map(Float.init)
    )
    let count = Int64(y[0] * y[1])
    return Kernel("resize_blocks_f32") { context in
      guard y[2] * y[3] > 0, x[2] * x[3] > 0 else { return }
      rows.positions.withUnsafeBufferPointer { rowPositions in
        columns.positions.withUnsafeBufferPointer { columnPositions in
          rowWeights.withUnsafeBufferPointer { rowWeights in
            columnWeights.withUnsafeBufferPointer { columnWeights in
              var call = zoo_blocked_resize(
                height: Int64(x[2]), width: Int64(x[3]), out_height: Int64(y[2]),
                out_width: Int64(y[3]), row_taps: Int64(rows.taps),
                column_taps: Int64(columns.taps), rows: rowPositions.baseAddress,
                columns: columnPositions.baseAddress, row_weights: rowWeights.baseAddress,
                column_weights: columnWeights.baseAddress)
              zoo_blocked_resize_run(
                zoo_cpu_isa(), count, &call, context.input(0), context.output(),
                Int32(context.threads))
            }
          }
        }
      }
    }
  }
}
