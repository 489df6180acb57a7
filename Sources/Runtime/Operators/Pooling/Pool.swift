import CKernels
import LibC

/// `MaxPool`, `AveragePool` and `LpPool`.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[batch, channels, …]` | floats; `MaxPool`: also `i8`, `u8` |
/// | output | `y`  | `[batch, channels, …]`, see `PoolWindow` | type of `x` |
/// | output | `indices` (`MaxPool`) | shape of `y` | `i64`: where the maximum stands in `x` |
/// | attr   | `kernel_shape`, `strides`, `pads`, `dilations`, `auto_pad`, `ceil_mode` | | |
/// | attr   | `count_include_pad`, `p`, `storage_order` | | defaults 0, 2, 0 (row major) |
///
/// Padding never wins a maximum and counts in an average only with `count_include_pad`. Source: ONNX `MaxPool`, opsets
/// 1, 8, 10, 11, 12, 22; `AveragePool`, opsets 1, 7, 10, 11, 19, 22; `LpPool`, opsets 2, 11, 18, 22.
struct Pool: TensorOperator {
  enum Form: Sendable {
    case max, average
    case lp(Double)
  }

  let form: Form
  let window: PoolWindow
  let countsPadding: Bool
  let isColumnMajor: Bool

  init(max node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...2)
    form = .max
    window = try PoolWindow(node)
    countsPadding = false
    isColumnMajor = try node.bool("storage_order", default: false)
  }

  init(average node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    form = .average
    window = try PoolWindow(node)
    countsPadding = try node.bool("count_include_pad", default: false)
    isColumnMajor = false
  }

  init(lp node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    // Opset 1 has p as a float.
    let p =
      node.opset < 2
      ? Double(try node.float("p", default: 2)) : Double(try node.int("p", default: 2))
    guard p > 0 else { throw ModelError(.invalidAttribute, "p is \(p)", expected: "more than 0") }
    form = .lp(p)
    window = try PoolWindow(node)
    countsPadding = false
    isColumnMajor = false
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    var types = ElementType.floats
    if case .max = form { types.formUnion([.i8, .u8]) }
    let x = try inputs.tensor(0, of: types)
    let shape = try window.outputShape(x.shape)
    let all: [ValueType] = [.tensor(x.element, shape), .tensor(.i64, shape)]
    return Array(all.prefix(max(1, inputs.outputCount)))
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let y = try io.output()
    let wantsIndices = io.outputs.count > 1 && io.outputs[1] != nil
    let usesKernel = x.element != .f64 && !wantsIndices
    if usesKernel, let shape = window.planes(x.shape, y.shape, countsPadding: countsPadding) {
      switch form {
      case .max: return try planes(io, shape, isMax: true)
      case .average: return try planes(io, shape, isMax: false)
      case .lp: break
      }
    }
    let stage = try Stage(io, as: .f64, inputs: [0], outputs: [0])
    let walk = PoolWalk(
      window: window, form: form, countsPadding: countsPadding, isColumnMajor: isColumnMajor,
      input: Array(x.shape[2...]), output: Array(y.shape[2...]), planes: x.shape[0] * x.shape[1])
    return Kernel("pool_f64", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      walk.run(
        context, stage.input(context, 0), stage.output(context),
        wantsIndices ? context.output(1, as: Int64.self) : nil)
      stage.store(context)
    }
  }

  private func planes(
    _ io: NodeIO, _ shape: zoo_pool_2d, isMax: Bool
  ) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let stage = try Stage(io, as: .f32)
    let planes = x.shape[0] * x.shape[1]
    var single = shape
    let work = (zoo_pool_2d_scratch(&single) * 4 + 63) / 64 * 64
    let inSize = shape.in_h * shape.in_w
    let outSize = shape.out_h * shape.out_w
    // One piece of scratch memory for each thread that may be at work: as many pieces of planes.
    let pieces = max(1, min(io.threads, planes))
    return Kernel(
      isMax ? "max_pool_f32" : "average_pool_f32",
      scratchBytes: stage.scratchOffset + pieces * work
    ) { context in
      stage.load(context)
      let from = stage.input(context, 0, as: Float.self)
      let to = stage.output(context, as: Float.self)
      let scratch = stage.scratch(context, as: UInt8.self)
      let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
      let isSmall = planes * outSize * shape.kernel_h * shape.kernel_w < Broadcast.grain
      context.parallel(pieces, grain: isSmall ? pieces : 1) { range in
        for piece in range {
          let first = planes * piece / pieces
          var part = shape
          part.planes = planes * (piece + 1) / pieces - first
          let line = UnsafeMutableRawPointer(scratch + piece * work)
            .assumingMemoryBound(to: Float.self)
          let kernel = isMax ? kernels.max_pool_2d : kernels.average_pool_2d
          kernel(&part, from + first * inSize, to + first * outSize, line)
        }
      }
      stage.store(context)
    }
  }
}
