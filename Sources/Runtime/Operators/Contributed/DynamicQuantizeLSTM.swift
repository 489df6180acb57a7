import CKernels
import ModelFormat

/// `DynamicQuantizeLSTM`: ``LSTM`` with 8-bit weights; what meets them is quantized by its own range on the way.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[time, batch, input]` | `f32` |
/// | input  | `W`, `R` | `[directions, input, 4·hidden]`, `[directions, hidden, 4·hidden]` | `u8`, `i8` |
/// | input  | `B`, `sequence_lens`, `initial_h`, `initial_c`, `P`, optional | as ``LSTM`` | |
/// | input  | `W_scale`, `W_zero_point`, `R_scale`, `R_zero_point` | `[directions]` or `[directions, 4·hidden]` | `f32`, as the weights |
/// | outputs, attr | as ``LSTM`` | | |
///
/// All of `X` has one scale; so have the states of one step. Source: ONNX Runtime's contributed operator, version 1.
struct DynamicQuantizeLSTM: TensorOperator {
  let layer: RecurrentLayer
  let couplesInputAndForget: Bool

  init(_ node: NodeReader) throws(ModelError) {
    layer = try RecurrentLayer(
      node, gates: 4, states: 2, activations: [.sigmoid, .tanh, .tanh], isQuantized: true)
    couplesInputAndForget = try node.bool("input_forget", default: false)
  }

  var leavesOutFirstOutput: Bool { true }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(0, of: [.f32])
    var types = inputs.types
    for (weight, scale) in [(1, 8), (2, 10)] {
      let type = try inputs.tensor(weight, of: QuantizedProduct.elements)
      _ = try inputs.tensor(scale, of: [.f32])
      _ = try inputs.tensor(scale + 1, of: [type.element])
      if let shape = type.shape, shape.rank != 3 {
        throw ModelError(
          .shapeMismatch, "input \(weight) is \(shape)",
          expected: "[directions, rows, 4·hidden]")
      }
      // As the layer that is not quantized has them.
      types[weight] = .tensor(.f32, type.shape.map { [$0[0], $0[2], $0[1]] })
    }
    return try layer.outputTypes(
      Operands(
        types: types, known: inputs.known, isPresent: inputs.isPresent,
        outputCount: inputs.outputCount))
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let extents = try RecurrentExtents(layer, io, hiddenAxis: 1)
    return try RecurrentRun(
      layer, io, cells: LSTM.Cell.all(layer, couples: couplesInputAndForget), extents,
      inputWeights: QuantizedRecurrentWeights(io, operand: 1, scale: 8),
      stateWeights: QuantizedRecurrentWeights(io, operand: 2, scale: 10)
    ).kernel("qlstm")
  }
}

/// `W` or `R` of a quantized recurrent layer: `[directions, rows, gates]` of 8-bit numbers.
struct QuantizedRecurrentWeights: RecurrentProducts {
  private let isa: zoo_isa
  private let operand: Int
  private let scale: Int
  private let directions: Int
  private let k: Int
  private let n: Int
  private let isSigned: Bool
  /// Scales, and zero points, of one direction.
  private let lines: Int
  private let matrixBytes: Int
  private let packed: Tensor?

  init(_ io: NodeIO, operand: Int, scale: Int) throws(ModelError) {
    let isa = zoo_cpu_isa()
    let weight = try io.input(operand)
    let (directions, k, n) = (weight.shape[0], weight.shape[1], weight.shape[2])
    let bytes = (zoo_qgemm_packed_bytes(isa, Int64(k), Int64(n)) + 63) / 64 * 64
    let isSigned = weight.element == .i8
    let count = try io.input(scale).count
    guard count == directions || count == directions * n, try io.input(scale + 1).count == count
    else {
      throw ModelError(
        .shapeMismatch,
        "scales \(try io.input(scale).shape), zero points \(try io.input(scale + 1).shape)",
        expected: "[\(directions)] or [\(directions), \(n)] both")
    }
    packed = try io.packed(operand, "recurrent_q") { (tensor) throws(ModelError) in
      try Tensor(.u8, shape: [directions * bytes]) { (to) throws(ModelError) in
        try tensor.withBytes { (from) throws(ModelError) in
          guard let from = from.baseAddress, let to = to.baseAddress else { return }
          for direction in 0..<directions {
            zoo_qgemm_pack(
              isa, Int64(k), Int64(n), from + direction * k * n, Int64(n), 0, isSigned ? 1 : 0,
              to + direction * bytes)
          }
        }
      }
    }
    (self.isa, self.operand, self.scale, self.directions) = (isa, operand, scale, directions)
    (self.k, self.n, self.isSigned, matrixBytes) = (k, n, isSigned, bytes)
    lines = count / max(1, directions)
  }

  var scratchBytes: Int { packed == nil ? directions * matrixBytes : 0 }

  func matrices(
    _ context: borrowing KernelContext, scratch: UnsafeMutableRawPointer
  ) -> RecurrentMatrices {
    var base = UnsafeRawPointer(scratch)
    if let packed = packed?.bytes {
      base = UnsafeRawPointer(packed.buffer.base + packed.offset)
    } else {
      for direction in 0..<directions {
        zoo_qgemm_pack(
          isa, Int64(k), Int64(n), context.inputBytes(operand) + direction * k * n, Int64(n), 0,
          isSigned ? 1 : 0, scratch + direction * matrixBytes)
      }
    }
    return RecurrentMatrices(
      packed: base, scales: context.input(scale), zeros: context.inputBytes(scale + 1))
  }

  func run(
    _ matrices: RecurrentMatrices, direction: Int, group: Int, rows: Int,
    _ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride: Int,
    bias: UnsafePointer<Float>?, accumulates: Bool, threads: Int
  ) {
    let count = rows * k
    let tail = (count + 63) / 64 * 64
    withUnsafeTemporaryAllocation(byteCount: tail + 128, alignment: 64) { memory in
      guard let memory = memory.baseAddress else { return }
      let codes = memory.assumingMemoryBound(to: UInt8.self)
      let scale = (memory + tail).assumingMemoryBound(to: Float.self)
      let zero = (memory + tail + 64).assumingMemoryBound(to: UInt8.self)
      zoo_quantize_dynamic(isa, 1, Int64(count), a, codes, scale, zero, Int32(threads))
      var left = zoo_qside()
      left.scale = UnsafePointer(scale)
      left.zero = UnsafeRawPointer(zero)
      var right = zoo_qside()
      right.is_signed = isSigned ? 1 : 0
      right.scale = matrices.scales.map { $0 + direction * lines }
      right.zero = matrices.zeros.map { $0 + direction * lines }
      right.scale_per_line = lines > 1 ? 1 : 0
      right.zero_per_line = lines > 1 ? 1 : 0
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_F32
      target.epilogue.bias = bias
      if accumulates {
        target.epilogue.residual = UnsafePointer(c)
        target.epilogue.residual_ld = Int64(stride)
      }
      zoo_qgemm_run(
        isa, Int64(rows), Int64(n), Int64(k), codes, Int64(k), left,
        matrices.packed + direction * matrixBytes, right, c, Int64(stride), &target, Int32(threads))
    }
  }
}
