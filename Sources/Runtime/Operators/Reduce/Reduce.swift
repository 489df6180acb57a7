import CKernels
import LibC

/// The reductions: `ReduceSum`, `ReduceMean`, `ReduceMax`, `ReduceMin`, `ReduceProd`, `ReduceSumSquare`, `ReduceL1`,
/// `ReduceL2`, `ReduceLogSum`, `ReduceLogSumExp`.
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `x`    | any   | floats, integers of 8 to 64 bits; `Max` and `Min` also `bool` |
/// | input  | `axes` | `[n]` | `i64`; optional; an attribute before opset 13 (`Sum`) or 18 |
/// | output | `y`    | without the reduced axes, or with extents 1 | type of `x` |
/// | attr   | `keepdims`, `noop_with_empty_axes` | | defaults 1, 0 |
///
/// Without axes all are reduced. Integer sums wrap; means, roots and logarithms of integers truncate. An empty axis
/// gives the neutral element. `f32` sums are accumulated in blocks, so that their error does not grow with the axis.
/// Source: ONNX, opsets 1, 11, 13, 18, 20.
struct Reduce: TensorOperator {
  let op: zoo_reduce
  let axes: ReduceAxes

  init(_ node: NodeReader, _ op: zoo_reduce) throws(ModelError) {
    self.op = op
    axes = try ReduceAxes(node, inputOpset: op == zoo_reduce_sum ? 13 : 18)
  }

  private var allowsBool: Bool { op == zoo_reduce_max || op == zoo_reduce_min }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let types = allowsBool ? ElementType.numbers.union([.bool]) : ElementType.numbers
    let x = try inputs.tensor(0, of: types)
    return [.tensor(x.element, try axes.outputShape(inputs))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    guard let axes = try axes.axes(io) else { return .deferred }
    let x = try io.input(0)
    let compute: ElementType =
      x.element.isFloatingPoint
      ? x.element.computeType
      : !isExactInIntegers ? .f64 : x.element == .u64 || x.element == .bool ? .u64 : .i64
    // What is listed with `noop_with_empty_axes` is still squared, rooted and so on element by element.
    let layout = try ReduceLayout(x.shape, axes, elementSize: compute.byteWidth)
    let stage = try Stage(io, as: compute, inputs: [0])
    let op = op
    let name = "reduce_" + String(cString: zoo_reduce_name(op)) + "_\(compute)"
    return Kernel(name, scratchBytes: stage.scratchOffset + layout.transposeBytes) { context in
      stage.load(context)
      switch compute {
      case .f32: Self.narrow(context, stage, layout, op)
      case .f64: Self.generic(context, stage, layout) { Self.float($0, op) }
      case .u64: Self.generic(context, stage, layout) { Self.integer($0 as Strided<UInt64>, op) }
      default: Self.generic(context, stage, layout) { Self.integer($0 as Strided<Int64>, op) }
      }
      stage.store(context)
    }
  }

  private var isExactInIntegers: Bool {
    switch op {
    case zoo_reduce_l2, zoo_reduce_log_sum, zoo_reduce_log_sum_exp: false
    default: true
    }
  }

  private static func narrow(
    _ context: borrowing KernelContext, _ stage: Stage, _ layout: ReduceLayout, _ op: zoo_reduce
  ) {
    let shape = layout.layout
    let x = layout.arrange(stage, context, Float.self)
    let y = stage.output(context, 0, as: Float.self)
    let kernel = zoo_reduce_f32_kernel(zoo_cpu_isa(), op)
    let size = shape.axis * shape.inner
    context.parallel(shape.outer, grain: max(1, Broadcast.grain / max(size, 1))) { range in
      kernel(
        x + range.lowerBound * size, y + range.lowerBound * shape.inner, range.count, shape.axis,
        shape.inner)
    }
  }

  /// Elements along the axis of one result.
  struct Strided<T> {
    let base: UnsafePointer<T>
    let count: Int
    let stride: Int

    func reduce(_ start: T, _ next: (T, T) -> T) -> T {
      var result = start
      for i in 0..<count { result = next(result, base[i * stride]) }
      return result
    }
  }

  private static func generic<T>(
    _ context: borrowing KernelContext, _ stage: Stage, _ layout: ReduceLayout,
    _ reduce: (Strided<T>) -> T
  ) {
    let shape = layout.layout
    let x = layout.arrange(stage, context, T.self)
    let y = stage.output(context, 0, as: T.self)
    for o in 0..<shape.outer {
      for i in 0..<shape.inner {
        y[o * shape.inner + i] = reduce(
          Strided(
            base: x + o * shape.axis * shape.inner + i, count: shape.axis, stride: shape.inner))
      }
    }
  }

  private static func float(_ v: Strided<Double>, _ op: zoo_reduce) -> Double {
    func sum(_ map: (Double) -> Double) -> Double { v.reduce(0) { $0 + map($1) } }
    switch op {
    case zoo_reduce_mean: return sum { $0 } / Double(v.count)
    case zoo_reduce_max: return v.reduce(-.infinity) { $1 > $0 || $1.isNaN ? $1 : $0 }
    case zoo_reduce_min: return v.reduce(.infinity) { $1 < $0 || $1.isNaN ? $1 : $0 }
    case zoo_reduce_prod: return v.reduce(1, *)
    case zoo_reduce_sum_square: return sum { $0 * $0 }
    case zoo_reduce_l1: return sum { abs($0) }
    case zoo_reduce_l2: return sum { $0 * $0 }.squareRoot()
    case zoo_reduce_log_sum: return log(sum { $0 })
    case zoo_reduce_log_sum_exp:
      let top = v.reduce(-.infinity) { $1 > $0 || $1.isNaN ? $1 : $0 }
      let origin = top.isFinite ? top : 0
      return log(sum { exp($0 - origin) }) + origin
    default: return sum { $0 }
    }
  }

  private static func integer<T: FixedWidthInteger>(_ v: Strided<T>, _ op: zoo_reduce) -> T {
    switch op {
    case zoo_reduce_mean: v.count == 0 ? 0 : v.reduce(0, &+) / T(v.count)
    case zoo_reduce_max: v.reduce(.min) { max($0, $1) }
    case zoo_reduce_min: v.reduce(.max) { min($0, $1) }
    case zoo_reduce_prod: v.reduce(1, &*)
    case zoo_reduce_sum_square: v.reduce(0) { $0 &+ $1 &* $1 }
    case zoo_reduce_l1: v.reduce(0) { $0 &+ ($1 < 0 ? 0 &- $1 : $1) }
    default: v.reduce(0, &+)
    }
  }
}
