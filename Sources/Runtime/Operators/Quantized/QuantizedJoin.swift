import CKernels
import ModelFormat

/// `QuantizedJoin` of domain `zoo`: a sum, difference or product of 8-bit numbers, rounded to 8 bits.
///
///     c = saturate(round(activation((a − a_zero) · a_scale ∘ (b − b_zero) · b_scale) / c_scale) + c_zero)
///
/// |        | name     | shape                | element types |
/// |--------|----------|----------------------|---------------|
/// | input  | `a`, `b` | broadcast            | `u8`, `i8`    |
/// | output | `c`      | what they broadcast to | `c_type`: `u8`, `i8` |
/// | attr   | `join`   | `add`, `subtract`, `multiply` | |
/// | attr   | `a_scale`, `a_zero`, `b_…`, `c_…`, `c_type` | what the codes stand for | |
///
/// Ties round to even. Other attributes: ``FusedActivation``. `QuantizedMapFusion` makes it.
struct QuantizedJoin: TensorOperator {
  private static let kinds = ["add", "subtract", "multiply"]
  private let join: zoo_qjoin
  private let element: ElementType

  init(_ node: NodeReader) throws(ModelError) {
    join = try Self.decode(node)
    element = try node.elementType("c_type")
  }

  /// What `join` is over which numbers; whether `a` and `b` are signed their types tell.
  static func decode(_ node: NodeReader) throws(ModelError) -> zoo_qjoin {
    try node.require(inputs: 2...2)
    func form(_ name: String) throws(ModelError) -> zoo_qform {
      zoo_qform(
        is_signed: 0, scale: try node.float("\(name)_scale"),
        zero: Int32(try node.int("\(name)_zero")))
    }
    var join = zoo_qjoin()
    let kind = try node.choice("join", of: kinds, default: "add")
    join.kind = zoo_qjoin_kind(UInt32(kinds.firstIndex(of: kind) ?? 0))
    (join.a, join.b, join.c) = (try form("a"), try form("b"), try form("c"))
    join.activation = try FusedActivation.decode(node)
    join.c.is_signed = try node.elementType("c_type") == .i8 ? 1 : 0
    return join
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: QuantizedProduct.elements)
    let b = try inputs.tensor(1, of: QuantizedProduct.elements)
    guard let x = a.shape, let y = b.shape else { return [.tensor(element, nil)] }
    return [.tensor(element, try Shape.broadcast([x, y]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (a, b, c) = (try io.input(0), try io.input(1), try io.output())
    var layout = ScratchLayout()
    let lines = Self.lines(a.shape, b.shape, in: c.shape)
    let left = try Repeated(lines?.a_repeats == 1 ? c.shape : a.shape, in: c.shape, &layout)
    let right = try Repeated(lines?.b_repeats == 1 ? c.shape : b.shape, in: c.shape, &layout)
    var join = join
    join.a.is_signed = a.element == .i8 ? 1 : 0
    join.b.is_signed = b.element == .i8 ? 1 : 0
    let all = zoo_qjoin_lines(
      outer: 1, repeats: 1, inner: Int64(c.count), a_repeats: 0, b_repeats: 0)
    join.lines = lines ?? all
    let (fixed, isa) = (join, zoo_cpu_isa())
    let reuses = a.shape == c.shape ? [0: 0] : [:]
    return Kernel("quantized_join", scratchBytes: layout.bytes, reuses: reuses) { context in
      var join = fixed
      zoo_qjoin_run(
        isa, &join, left.bytes(0, context), right.bytes(1, context), context.outputBytes(),
        Int32(context.threads))
    }
  }

  private static let shortestLine = 8

  /// The lines of a result of which one operand holds each only once, such as `[n, 1, 1, c]` of `[n, h, w, c]`.
  private static func lines(
    _ a: [Int], _ b: [Int], in c: [Int]
  ) -> zoo_qjoin_lines? {
    guard (a == c) != (b == c) else { return nil }
    let whole = a == c ? b : a
    let small = Array(repeating: 1, count: c.count - whole.count) + whole
    guard let first = small.indices.first(where: { small[$0] != c[$0] }),
      let last = small.indices.last(where: { small[$0] != c[$0] }),
      small[first...last].allSatisfy({ $0 == 1 })
    else { return nil }
    let inner = c[(last + 1)...].reduce(1, *)
    guard inner >= shortestLine else { return nil }
    return zoo_qjoin_lines(
      outer: Int64(c[..<first].reduce(1, *)), repeats: Int64(c[first...last].reduce(1, *)),
      inner: Int64(inner), a_repeats: a == c ? 0 : 1, b_repeats: a == c ? 1 : 0)
  }

  /// An operand spread out over the result's extents, unless it has them.
  private struct Repeated: Sendable {
    let move: PlannedMove?
    let part: ScratchPart

    init(_ shape: [Int], in result: [Int], _ layout: inout ScratchLayout) throws(ModelError) {
      if shape == result {
        (move, part) = (nil, layout.add(0))
        return
      }
      let padded = Array(repeating: 1, count: result.count - shape.count) + shape
      let strides = rowMajorStrides(padded)
      move = try StridedMove(
        extents: result, inStrides: padded.indices.map { padded[$0] == 1 ? 0 : strides[$0] },
        outStrides: rowMajorStrides(result)
      ).planned(1)
      part = layout.add(result.reduce(1, *))
    }

    func bytes(_ index: Int, _ context: borrowing KernelContext) -> UnsafeRawPointer {
      guard let move else { return context.inputBytes(index) }
      let to = part.pointer(context)
      move.run(from: context.inputBytes(index), to: to, context)
      return UnsafeRawPointer(to)
    }
  }
}
