import CKernels

/// `BlockedMaxPool`, `BlockedAveragePool`, `BlockedGlobalMaxPool`, `BlockedGlobalAveragePool`: pooling of images in
/// channel blocks.
///
/// |        | name | shape            | element types |
/// |--------|------|------------------|---------------|
/// | input  | `x`  | images in blocks | `f32`         |
/// | output | `y`  | images in blocks | `f32`         |
///
/// Attributes: those of ONNX's operator.
struct BlockedPool: TensorOperator {
  let window: PoolWindow?
  let isMax: Bool
  let countsPadding: Bool

  init(_ node: NodeReader, isMax: Bool) throws(ModelError) {
    try node.require(inputs: 1...1)
    window = try PoolWindow(node)
    self.isMax = isMax
    countsPadding = try node.bool("count_include_pad", default: false)
  }

  init(global node: NodeReader, isMax: Bool) throws(ModelError) {
    try node.require(inputs: 1...1)
    window = nil
    self.isMax = isMax
    countsPadding = false
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try ChannelBlocks.input(inputs, 0)
    guard let shape = x.shape else { return [.tensor(.f32, nil)] }
    guard let window else {
      return [.tensor(.f32, Shape([shape[0], shape[1], .fixed(1), .fixed(1), shape[4]]))]
    }
    let planes = ChannelBlocks.planes(shape, channels: shape[1])
    guard let y = try window.outputShape(planes) else { return [.tensor(.f32, nil)] }
    return [.tensor(.f32, Shape([y[0], y[1], y[2], y[3], shape[4]]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    let isMax = isMax
    guard let window else {
      let (blocks, pixels) = (Int64(x[0] * x[1]), Int64(x[2] * x[3]))
      return Kernel("pool_blocks_all_f32") { context in
        zoo_blocked_pool_all(
          zoo_cpu_isa(), blocks, pixels, isMax ? 1 : 0, context.input(0), context.output(),
          Int32(context.threads))
      }
    }
    let padding = [window.padding(x[2], 0), window.padding(x[3], 1)]
    func axes(_ at: (Int) -> Int, _ filler: Int64) -> (Int64, Int64, Int64) {
      (filler, Int64(at(0)), Int64(at(1)))
    }
    var pool = zoo_blocked_pool()
    pool.shape.batch = Int64(x[0])
    pool.shape.in_channels = Int64(x[1] * ChannelBlocks.lanes)
    pool.shape.out_channels = pool.shape.in_channels
    pool.shape.groups = 1
    pool.shape.input = axes({ x[$0 + 2] }, 1)
    pool.shape.output = axes({ y[$0 + 2] }, 1)
    pool.shape.kernel = axes({ window.kernel[$0] }, 1)
    pool.shape.stride = axes(window.stride, 1)
    pool.shape.dilation = axes(window.dilation, 1)
    pool.shape.pad = axes({ padding[$0].before }, 0)
    pool.pad_end = axes({ padding[$0].after }, 0)
    pool.is_max = isMax ? 1 : 0
    pool.counts_padding = countsPadding ? 1 : 0
    let fixed = pool
    return Kernel("pool_blocks_f32", scratchBytes: 4 * y[3] + 64) { context in
      var pool = fixed
      zoo_blocked_pool_run(
        zoo_cpu_isa(), &pool, context.input(0), context.output(),
        context.scratch.assumingMemoryBound(to: Float.self), Int32(context.threads))
    }
  }
}
