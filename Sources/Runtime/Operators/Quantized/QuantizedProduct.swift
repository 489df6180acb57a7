import CKernels
import ModelFormat

/// Products of 8-bit matrices for one set of extents, from a packed weight or from a right side that is packed when
/// the product is run.
struct QuantizedProduct: Sendable {
  let extents: MatrixExtents
  let isa: zoo_isa
  let packed: Tensor?
  let packedBytes: Int
  /// Which inputs A and B are.
  let a: Int
  let b: Int
  let aIsSigned: Bool
  let bIsSigned: Bool
  /// Whether B holds `[n, k]`.
  let transposesB: Bool

  static let elements: Set<ElementType> = [.u8, .i8]
  static let scales: Set<ElementType> = [.f32, .f16, .bf16]

  init(_ io: NodeIO, a: Int, b: Int, transposesB: Bool = false) throws(ModelError) {
    let (left, right) = (try io.input(a), try io.input(b))
    extents = MatrixExtents(left.shape, right.shape, transposesB: transposesB)
    self.transposesB = transposesB
    isa = zoo_cpu_isa()
    (self.a, self.b) = (a, b)
    // The left side may be f32 that is quantized on the way.
    aIsSigned = left.element == .i8
    bIsSigned = right.element == .i8
    let (isa, n, k) = (isa, Int64(extents.n), Int64(extents.k))
    let bytes = zoo_qgemm_packed_bytes(isa, k, n)
    packedBytes = bytes
    let isSigned: Int32 = bIsSigned ? 1 : 0
    packed =
      extents.bMatrices != 1
      ? nil
      : try io.packed(b, transposesB ? "qgemm_transposed" : "qgemm", replaces: true) {
        (weight) throws(ModelError) in
        try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
          try weight.withBytes { (from) throws(ModelError) in
            zoo_qgemm_pack(
              isa, k, n, from.baseAddress, transposesB ? k : n, transposesB ? 1 : 0, isSigned,
              to.baseAddress)
          }
        }
      }
  }

  /// Memory that `run` needs.
  var scratchBytes: Int { packed == nil ? max(packedBytes, 64) : 0 }

  var kernelName: String { "qgemm_\(String(cString: zoo_isa_name(isa)))" }

  /// - Parameters:
  ///   - left: A; `nil` for input `a`.
  ///   - size: Bytes of an element of the result.
  func run(
    _ context: borrowing KernelContext, left: UnsafeRawPointer? = nil, aSide: zoo_qside,
    bSide: zoo_qside, target: zoo_qtarget, size: Int
  ) throws(ModelError) {
    if extents.products.isEmpty { return }
    let left = left ?? context.inputBytes(a)
    let perRow = aSide.zero_per_line != 0 || aSide.scale_per_line != 0
    if let packed {
      // All rows that meet one B are rows of one A, unless they are told apart by lines of its side.
      let joins = !perRow || extents.aMatrices == 1
      try packed.withBytes { (weights) throws(ModelError) in
        for index in 0..<(joins ? 1 : extents.products.count) {
          multiply(
            context, rows: joins ? extents.m * extents.aMatrices : extents.m, index,
            left + extents.products[index].a * extents.m * extents.k, weights.baseAddress, aSide,
            bSide, target, size)
        }
      }
      return
    }
    let (k, n) = (extents.k, extents.n)
    for (index, pair) in extents.products.enumerated() {
      zoo_qgemm_pack(
        isa, Int64(k), Int64(n), context.inputBytes(b) + pair.b * k * n,
        Int64(transposesB ? k : n), transposesB ? 1 : 0, bIsSigned ? 1 : 0, context.scratch)
      multiply(
        context, rows: extents.m, index, left + pair.a * extents.m * k,
        UnsafeRawPointer(context.scratch), aSide, bSide, target, size)
    }
  }

  private func multiply(
    _ context: borrowing KernelContext, rows: Int, _ index: Int, _ left: UnsafeRawPointer,
    _ right: UnsafeRawPointer?, _ aSide: zoo_qside, _ bSide: zoo_qside, _ target: zoo_qtarget,
    _ size: Int
  ) {
    var target = target
    let first = index * extents.m * extents.n
    if let residual = target.epilogue.residual { target.epilogue.residual = residual + first }
    zoo_qgemm_run(
      isa, Int64(rows), Int64(extents.n), Int64(extents.k), left, Int64(extents.k), aSide, right,
      bSide, context.outputBytes(0) + first * size, Int64(extents.n), &target,
      Int32(context.threads))
  }
}

/// The scale and zero point of one side as inputs of a node.
struct QuantizedSide: Sendable {
  let isSigned: Bool
  /// Input of the scale, of the zero point.
  var scale: Int?
  var zero: Int?
  private var scalePerLine = false
  private var zeroPerLine = false

  /// - Parameter lines: How many elements a scale or zero point per line has.
  /// - Throws: `.shapeMismatch` unless they have one element or one per line.
  init(
    _ io: NodeIO, isSigned: Bool, scale: Int?, zero: Int?, lines: Int
  ) throws(ModelError) {
    self.isSigned = isSigned
    if let scale, io.has(scale) {
      self.scale = scale
      scalePerLine = try Self.isPerLine(io, scale, lines, "scale")
    }
    if let zero, io.has(zero) {
      self.zero = zero
      zeroPerLine = try Self.isPerLine(io, zero, lines, "zero point")
    }
  }

  private static func isPerLine(
    _ io: NodeIO, _ index: Int, _ lines: Int, _ what: String
  ) throws(ModelError) -> Bool {
    let shape = try io.input(index).shape
    let count = shape.reduce(1, *)
    guard count == 1 || count == lines else {
      throw ModelError(
        .shapeMismatch, "input \(index), a \(what), is \(shape)",
        expected: "one element, or \(lines)")
    }
    return count != 1
  }

  func side(_ context: borrowing KernelContext) -> zoo_qside {
    var side = zoo_qside()
    side.is_signed = isSigned ? 1 : 0
    if let zero { side.zero = context.inputBytes(zero) }
    side.zero_per_line = zeroPerLine ? 1 : 0
    if let scale { side.scale = context.input(scale) }
    side.scale_per_line = scalePerLine ? 1 : 0
    return side
  }
}
