import CKernels

/// `ArgMax` and `ArgMin`: the index of the greatest or least element along an axis.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | any, rank r ≥ 1 | floats, integers of 8 to 64 bits |
/// | output | `y`  | `x` without the axis, or with extent 1 | `i64` |
/// | attr   | `axis`, `keepdims`, `select_last_index` | | defaults 0, 1, 0 (the first of equals) |
///
/// NaN counts as the greatest (least). Source: ONNX `ArgMax`, `ArgMin`, opsets 1, 11, 12, 13.
struct ArgExtreme: TensorOperator {
  let isMin: Bool
  let axis: Int
  let keepsRank: Bool
  let takesLast: Bool

  init(_ node: NodeReader, isMin: Bool) throws(ModelError) {
    try node.require(inputs: 1...1)
    self.isMin = isMin
    axis = try node.int("axis", default: 0)
    keepsRank = try node.bool("keepdims", default: true)
    takesLast = try node.bool("select_last_index", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers)
    guard var shape = x.shape else { return [.tensor(.i64, nil)] }
    let axis = try shape.axis(axis)
    if shape[axis] == 0 {
      throw ModelError(.shapeMismatch, "an extreme of no elements", expected: "an extent ≥ 1")
    }
    if keepsRank { shape[axis] = 1 } else { shape.dimensions.remove(at: axis) }
    return [.tensor(.i64, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let layout = AxisLayout(x.shape, along: try Shape.normalize(axis, rank: x.rank))
    let (isMin, last) = (isMin, takesLast)
    let compute: ElementType =
      x.element.isInteger ? (x.element == .u64 ? .u64 : .i64) : x.element.computeType
    let stage = try Stage(io, as: compute, inputs: [0], outputs: [])
    return Kernel("arg_extreme_\(compute)", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      switch compute {
      case .f32: Self.narrow(context, stage.input(context, 0), layout, isMin, last)
      case .f64:
        Self.generic(context, stage.input(context, 0, as: Double.self), layout, last) {
          $0.isNaN ? !$1.isNaN : isMin ? $0 < $1 : $0 > $1
        }
      case .u64:
        Self.generic(context, stage.input(context, 0, as: UInt64.self), layout, last) {
          isMin ? $0 < $1 : $0 > $1
        }
      default:
        Self.generic(context, stage.input(context, 0, as: Int64.self), layout, last) {
          isMin ? $0 < $1 : $0 > $1
        }
      }
    }
  }

  private static func narrow(
    _ context: borrowing KernelContext, _ x: UnsafePointer<Float>, _ layout: AxisLayout,
    _ isMin: Bool, _ last: Bool
  ) {
    let y = context.output(as: Int64.self)
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    let size = layout.axis * layout.inner
    context.parallel(layout.outer, grain: max(1, Broadcast.grain / max(size, 1))) { range in
      kernels.arg_extreme(
        x + range.lowerBound * size, y + range.lowerBound * layout.inner, range.count, layout.axis,
        layout.inner, isMin ? 1 : 0, last ? 1 : 0)
    }
  }

  private static func generic<T>(
    _ context: borrowing KernelContext, _ x: UnsafePointer<T>, _ layout: AxisLayout, _ last: Bool,
    _ beats: (T, T) -> Bool
  ) {
    let y = context.output(as: Int64.self)
    for o in 0..<layout.outer {
      for i in 0..<layout.inner {
        let base = o * layout.axis * layout.inner + i
        var best = 0
        for a in 1..<max(layout.axis, 1) {
          let (v, w) = (x[base + a * layout.inner], x[base + best * layout.inner])
          if beats(v, w) || (last && !beats(w, v)) { best = a }
        }
        y[o * layout.inner + i] = Int64(best)
      }
    }
  }
}
