import CKernels

/// `TopK`: the k greatest or least elements along an axis, and where they are.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | any, rank r ≥ 1 | floats, integers of 8 to 64 bits |
/// | input  | `k`  | `[1]` | `i64`; an attribute before opset 10 |
/// | output | `values`, `indices` | extent `k` along the axis | type of `x`; `i64` |
/// | attr   | `axis`, `largest`, `sorted` | | defaults −1, 1, 1 |
///
/// The result is always sorted; of equal elements the one with the lower index comes first. NaN counts as the greatest.
/// Source: ONNX `TopK`, opsets 1, 10, 11, 24.
struct TopK: TensorOperator {
  let axis: Int
  let fixedCount: Int?
  let takesLargest: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 10 ? 1...1 : 2...2, outputs: 1...2)
    axis = try node.int("axis", default: -1)
    fixedCount = node.opset < 10 ? try node.int("k") : nil
    takesLargest = try node.bool("largest", default: true)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers)
    var shape = x.shape
    if let known = x.shape {
      let axis = try known.axis(axis)
      shape?[axis] = try count(inputs)
      if let k = shape?[axis].value, let extent = known[axis].value, k < 0 || k > extent {
        throw ModelError(.outOfRange, "k is \(k)", expected: "0 ... \(extent)")
      }
    }
    let types: [ValueType] = [.tensor(x.element, shape), .tensor(.i64, shape)]
    return Array(types.prefix(max(1, inputs.outputCount)))
  }

  private func count(_ inputs: Operands) throws(ModelError) -> Dimension {
    if let fixedCount { return .fixed(fixedCount) }
    _ = try inputs.tensor(1, of: [.i64])
    return inputs.extents(1)?.first ?? .unknown
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let axis = try Shape.normalize(axis, rank: x.rank)
    let value = fixedCount == nil ? try io.input(1).value?.integers?.first : fixedCount
    guard let k = value else { return .deferred }
    guard k >= 0, k <= x.shape[axis] else {
      throw ModelError(.outOfRange, "k is \(k)", expected: "0 ... \(x.shape[axis])")
    }
    let layout = AxisLayout(x.shape, along: axis)
    let wants = (0..<2).map { $0 < io.outputs.count && io.outputs[$0] != nil }
    let compute: ElementType =
      x.element.isInteger ? (x.element == .u64 ? .u64 : .i64) : .f64
    let stage = try Stage(io, as: compute, inputs: [0], outputs: [0])
    let largest = takesLargest
    return Kernel("top_k_\(compute)", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      let indices = wants[1] ? context.output(1, as: Int64.self) : nil
      switch compute {
      case .f64:
        Self.run(
          stage.input(context, 0, as: Double.self), wants[0] ? stage.output(context, 0) : nil,
          indices, layout, k
        ) { largest ? $0 > $1 || ($0.isNaN && !$1.isNaN) : $0 < $1 || (!$0.isNaN && $1.isNaN) }
      case .u64:
        Self.run(
          stage.input(context, 0, as: UInt64.self), wants[0] ? stage.output(context, 0) : nil,
          indices, layout, k
        ) { largest ? $0 > $1 : $0 < $1 }
      default:
        Self.run(
          stage.input(context, 0, as: Int64.self), wants[0] ? stage.output(context, 0) : nil,
          indices, layout, k
        ) { largest ? $0 > $1 : $0 < $1 }
      }
      stage.store(context)
    }
  }

  private static func run<T>(
    _ x: UnsafePointer<T>, _ values: UnsafeMutablePointer<T>?,
    _ indices: UnsafeMutablePointer<Int64>?, _ layout: AxisLayout, _ k: Int,
    _ precedes: (T, T) -> Bool
  ) {
    for o in 0..<layout.outer {
      for i in 0..<layout.inner {
        let base = o * layout.axis * layout.inner + i
        func comes(_ a: Int, before b: Int) -> Bool {
          let (v, w) = (x[base + a * layout.inner], x[base + b * layout.inner])
          return precedes(v, w) || (!precedes(w, v) && a < b)
        }
        let best = first(k, of: layout.axis, comes)
        for (rank, a) in best.enumerated() {
          let at = (o * k + rank) * layout.inner + i
          values?[at] = x[base + a * layout.inner]
          indices?[at] = Int64(a)
        }
      }
    }
  }

  /// The first k of 0 ..< count in the order `comes`, sorted.
  private static func first(
    _ k: Int, of count: Int, _ comes: (_ a: Int, _ b: Int) -> Bool
  ) -> [Int] {
    guard k > 0 else { return [] }
    if k > 64 || k * 8 > count { return Array((0..<count).sorted(by: comes).prefix(k)) }
    var best: [Int] = []
    for a in 0..<count {
      if best.count == k, !comes(a, best[k - 1]) { continue }
      if best.count == k { best.removeLast() }
      let place = best.firstIndex { comes(a, $0) } ?? best.count
      best.insert(a, at: place)
    }
    return best
  }
}
