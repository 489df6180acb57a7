import CKernels

/// `FusedAttention` of domain `zoo`: the products, scale, mask and softmax that make up attention, as one kernel.
///
///     y = softmax(q · kᵀ · scale + mask) · v
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `q`, `k`, `v` | `[batch, heads, time, size]`, or `[batch, time, size]` | `f32` |
/// | input  | `mask`, optional | broadcasts with `[batch, heads, queries, keys]` | `f32` |
/// | output | `y`  | `[batch, heads, queries, size of v]`, or without heads | `f32` |
/// | attr   | `scale` | | default 1 |
/// | attr   | `time_first` | | for q, k, v and y: 1 if it is `[batch, time, heads, size]` |
/// | attr   | `nan_is_zero` | | 1: a query whose weights are no numbers gives 0 |
///
/// Axes broadcast as in `MatMul` and `Add`, which this replaces: a query whose keys are all hidden by −∞ gives NaN.
/// Made by ``AttentionFusion``.
struct FusedAttention: TensorOperator {
  private let scale: Float
  private let timeFirst: [Bool]
  private let nanIsZero: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...4)
    scale = try node.float("scale", default: 1)
    let flags = try node.ints("time_first", default: [0, 0, 0, 0])
    guard flags.count == 4, flags.allSatisfy({ $0 == 0 || $0 == 1 }) else {
      throw ModelError(.invalidAttribute, "'time_first' \(flags)", expected: "four of 0 and 1")
    }
    timeFirst = flags.map { $0 == 1 }
    nanIsZero = try node.bool("nan_is_zero", default: false)
  }

  /// An operand's extents as `[batch, heads, time, size]`.
  private func canonical<T>(_ extents: [T], _ operand: Int, one: T) -> [T] {
    if extents.count == 3 { return [extents[0], one, extents[1], extents[2]] }
    return timeFirst[operand] ? [extents[0], extents[2], extents[1], extents[3]] : extents
  }

  /// A mask's extents, with an axis for heads where the operands have none.
  private func spread<T>(_ mask: [T], rank: Int, one: T) -> [T] {
    rank == 3 && mask.count == 3 ? [mask[0], one, mask[1], mask[2]] : mask
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    var shapes: [Shape] = []
    for index in 0..<3 {
      guard let shape = try inputs.tensor(index, of: [.f32]).shape else {
        return [.tensor(.f32, nil)]
      }
      guard shape.rank == 4 || (shape.rank == 3 && !timeFirst[index]),
        shape.rank == shapes.first?.rank ?? shape.rank
      else {
        throw ModelError(
          .shapeMismatch, "operand \(index) is \(shape)", expected: "three tensors of rank 4 or 3")
      }
      shapes.append(shape)
    }
    let rank = shapes[0].rank
    let operands = shapes.enumerated().map { Shape(canonical($1.dimensions, $0, one: .fixed(1))) }
    var scores = try MatrixExtents.shape(operands[0], operands[1], transposesB: true)
    if let mask = try inputs.optionalTensor(3) {
      guard mask.element == .f32 else {
        throw ModelError(.elementTypeMismatch, "a mask of \(mask.element)", expected: "f32")
      }
      guard let shape = mask.shape, let known = scores else { return [.tensor(.f32, nil)] }
      scores = try Shape.broadcast([
        known, Shape(spread(shape.dimensions, rank: rank, one: .fixed(1))),
      ])
    }
    guard let y = try MatrixExtents.shape(scores, operands[2]), y.rank == 4 else {
      throw ModelError(
        .shapeMismatch, "a mask of too many axes", expected: "at most those of the scores")
    }
    if rank == 3 { return [.tensor(.f32, [y[0], y[2], y[3]])] }
    return [.tensor(.f32, timeFirst[3] ? [y[0], y[2], y[1], y[3]] : y)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    var operands: [[Int]] = []
    for index in 0..<3 { operands.append(canonical(try io.input(index).shape, index, one: 1)) }
    let y = canonical(try io.output().shape, 3, one: 1)
    let (q, k, v) = (operands[0], operands[1], operands[2])
    let rank = try io.input(0).rank
    let mask = try io.has(3) ? spread(io.input(3).shape, rank: rank, one: 1) : nil
    let keys = k[2] == 1 ? mask?.last ?? 1 : k[2]
    guard v[2] == keys, q[3] == k[3], q[3] <= AttentionKernel.maximumSize,
      v[3] <= AttentionKernel.maximumSize
    else {
      throw ModelError(
        .shapeMismatch, "queries \(q), keys \(k), values \(v)",
        expected:
          "rows of one size up to \(AttentionKernel.maximumSize), and as many keys as values")
    }
    var kernel = AttentionKernel(
      batch: y[0], heads: y[1], groups: y[1], queries: y[2], keys: keys, size: q[3],
      valueSize: v[3], qStrides: .init(q, timeFirst: timeFirst[0]),
      kStrides: .init(k, timeFirst: timeFirst[1]), vStrides: .init(v, timeFirst: timeFirst[2]),
      yStrides: .init(y, timeFirst: timeFirst[3]), scale: scale, isZeroWhenEmpty: keys == 0,
      isZeroWhenNaN: nanIsZero)
    if let mask {
      let extents = Array(repeating: 1, count: max(0, 4 - mask.count)) + mask
      kernel.mask = .init(
        strides: .init(extents, timeFirst: false), keyStride: extents[3] == 1 ? 0 : 1, keys: keys)
    }
    let fused = kernel
    return Kernel(AttentionKernel.name()) { context in
      fused.run(
        .init(
          q: context.input(0), k: context.input(1), v: context.input(2), y: context.output(0),
          mask: fused.mask == nil ? nil : context.inputBytes(3)), context)
    }
  }
}
