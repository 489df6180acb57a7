import CKernels
import ModelFormat

/// An 8-bit convolution for one set of extents.
struct QuantizedConvolution: Sendable {
  let shape: zoo_conv_shape
  let isa: zoo_isa
  private let weights: PackedOperand
  let weightsAreSigned: Bool
  private let order: ChannelOrder
  private let copies: ScratchPart
  let scratchBytes: Int

  /// - Parameters:
  ///   - weights: Which input holds `[m, c / group, …]`.
  ///   - channelsLast: Whether input 0 and the output are `[n, …, c]`, as the kernel has them.
  init(
    _ io: NodeIO, _ geometry: ConvGeometry, weights index: Int, channelsLast: Bool = false
  ) throws(ModelError) {
    let (x, w) = (try io.input(0), try io.input(index))
    var layout = ScratchLayout()
    order = try ChannelOrder(io, isGiven: channelsLast, &layout)
    var shape = geometry.kernelShape(x: order.x, w: w.shape, y: order.y)
    let isa = zoo_cpu_isa()
    let isSigned = w.element == .i8
    let bytes = zoo_qconv_packed_bytes(isa, &shape)
    let fixed = shape
    let name = "qconv_\(geometry.groups)_\(geometry.dilations ?? [])"
    weights = try PackedOperand(io, index, name, bytes, &layout) { (from, to) in
      var shape = fixed
      zoo_qconv_pack(isa, &shape, from, isSigned ? 1 : 0, to)
    }
    weightsAreSigned = isSigned
    copies = layout.add(zoo_qconv_scratch_bytes(&shape, x.element == .i8 ? 1 : 0))
    scratchBytes = layout.bytes
    (self.shape, self.isa) = (shape, isa)
  }

  var kernelName: String { "qconv_\(String(cString: zoo_isa_name(isa)))" }

  func run(
    _ context: borrowing KernelContext, xSide: zoo_qside, wSide: zoo_qside, target: zoo_qtarget
  ) throws(ModelError) {
    var (shape, target) = (shape, target)
    let (x, y) = order.begin(context)
    let copies = copies.pointer(context)
    try weights.withBytes(context) { packed in
      zoo_qconv_run(
        isa, &shape, x, xSide, packed, wSide, y, &target, copies, Int32(context.threads))
    }
    order.end(context)
  }
}

/// Input 0 and output 0 of a kernel that wants channels last: copies of them where the node has `[n, c, …]`.
struct ChannelOrder: Sendable {
  /// The shapes as ONNX has them, `[n, c, …]`.
  let x: [Int]
  let y: [Int]
  private let moves: (input: PlannedMove, output: PlannedMove)?
  private let input: ScratchPart
  private let output: ScratchPart

  init(_ io: NodeIO, isGiven: Bool, _ layout: inout ScratchLayout) throws(ModelError) {
    let (x, y) = (try io.input(0), try io.output())
    self.x = isGiven ? Self.first(x.shape) : x.shape
    self.y = isGiven ? Self.first(y.shape) : y.shape
    let copies = !isGiven && (Self.matters(x.shape) || Self.matters(y.shape))
    input = layout.add(copies ? x.byteCount : 0)
    output = layout.add(copies ? y.byteCount : 0)
    moves =
      copies
      ? (
        try Self.move(x.shape, toLast: true).planned(x.element.byteWidth),
        try Self.move(y.shape, toLast: false).planned(y.element.byteWidth)
      ) : nil
  }

  /// Where the kernel reads and writes.
  func begin(
    _ context: borrowing KernelContext
  ) -> (UnsafeRawPointer, UnsafeMutableRawPointer) {
    guard let moves else { return (context.inputBytes(0), context.outputBytes(0)) }
    let copy = input.pointer(context)
    moves.input.run(from: context.inputBytes(0), to: copy, context)
    return (UnsafeRawPointer(copy), output.pointer(context))
  }

  func end(_ context: borrowing KernelContext) {
    moves?.output.run(
      from: output.pointer(context), to: context.outputBytes(0), context)
  }

  private static func first(_ shape: [Int]) -> [Int] {
    [shape[0], shape[shape.count - 1]] + shape[1..<shape.count - 1]
  }

  /// False where both orders are the same bytes.
  private static func matters(_ shape: [Int]) -> Bool {
    shape[1] != 1 && shape.dropFirst(2).reduce(1, *) != 1
  }

  /// From one order to the other, for a tensor `[n, c, …]`.
  private static func move(_ shape: [Int], toLast: Bool) -> StridedMove {
    let (channels, plane) = (shape[1], shape.dropFirst(2).reduce(1, *))
    let (rows, columns) = toLast ? (plane, channels) : (channels, plane)
    return StridedMove(
      extents: [shape[0], rows, columns], inStrides: [channels * plane, 1, rows],
      outStrides: [channels * plane, columns, 1])
  }
}
