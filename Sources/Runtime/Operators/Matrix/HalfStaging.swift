import CKernels
import ModelFormat

/// Runs a kernel that is written for `f32` on operands of `f16` or `bf16`: inputs are widened into scratch memory,
/// outputs rounded from it.
enum HalfStaging {
  /// True if an operand of `io` has 16-bit floats, which `lower` is not written for.
  static func isNeeded(_ io: NodeIO) -> Bool {
    (io.inputs + io.outputs).contains { $0.map { isHalf($0.element) } ?? false }
  }

  static func isHalf(_ element: ElementType) -> Bool { element == .f16 || element == .bf16 }

  static func kernel(
    _ io: NodeIO, _ lower: (NodeIO) throws(ModelError) -> Kernel
  ) throws(ModelError) -> Kernel {
    var operands: [Staged] = []
    var offset = 0
    for (index, operand) in (io.inputs + io.outputs).enumerated() {
      var staged = Staged(count: operand?.count ?? 0)
      if let operand, isHalf(operand.element) {
        staged.element = operand.element
        let isInput = index < io.inputs.count
        let wide =
          isInput ? try io.packed(index, "f32") { (t) throws(ModelError) in try widened(t) } : nil
        staged.constant = wide
        if wide == nil {
          staged.offset = offset
          offset += (staged.count * 4 + 63) / 64 * 64
        }
      }
      operands.append(staged)
    }
    let inner = try lower(try io.widened())
    guard case .run(let body) = inner.action else { return inner }
    let (inputs, scratch) = (io.inputs.count, offset)
    let all = operands
    return Kernel(inner.name + "_half", scratchBytes: max(offset + inner.scratchBytes, 64)) {
      (context) throws(ModelError) in
      try run(body, all, inputs, scratch, context)
    }
  }

  private struct Staged: Sendable {
    let count: Int
    /// Set if the operand is staged.
    var element: ElementType?
    var offset = 0
    var constant: Tensor?
  }

  private static func run(
    _ body: Kernel.Body, _ operands: [Staged], _ inputs: Int, _ scratch: Int,
    _ context: borrowing KernelContext
  ) throws(ModelError) {
    let memory = context.scratch
    var pointers: [UnsafeMutableRawPointer?] = []
    for (index, operand) in operands.enumerated() {
      let given = context.table[Int(context.slots[index])]
      guard let element = operand.element, let given else {
        pointers.append(given)
        continue
      }
      if let wide = operand.constant?.bytes {
        pointers.append(wide.buffer.base + wide.offset)
        continue
      }
      pointers.append(memory + operand.offset)
      if index < inputs {
        widen(element, operand.count, given, memory + operand.offset)
      }
    }
    pointers.append(memory + scratch)
    let slots = pointers.indices.map(Int32.init)
    try OperatorCall.call(body, &pointers, slots, inputs, operands.count - inputs, context.threads)
    for index in inputs..<operands.count {
      guard let element = operands[index].element,
        let given = context.table[Int(context.slots[index])]
      else { continue }
      narrow(element, operands[index].count, memory + operands[index].offset, given)
    }
  }

  /// A tensor of 16-bit floats as `f32`; any other tensor as it is.
  static func widened(_ tensor: Tensor) throws(ModelError) -> Tensor {
    guard isHalf(tensor.elementType) else { return tensor }
    return try Tensor(.f32, shape: tensor.shape) { (to) throws(ModelError) in
      try tensor.withBytes { (from) throws(ModelError) in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        widen(tensor.elementType, tensor.count, from, to)
      }
    }
  }

  private static func widen(
    _ element: ElementType, _ count: Int, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer
  ) {
    let from = from.assumingMemoryBound(to: UInt16.self)
    let to = to.assumingMemoryBound(to: Float.self)
    if element == .f16 {
      zoo_f32_from_f16(count, from, to)
    } else {
      zoo_f32_from_bf16(count, from, to)
    }
  }

  private static func narrow(
    _ element: ElementType, _ count: Int, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer
  ) {
    let from = from.assumingMemoryBound(to: Float.self)
    let to = to.assumingMemoryBound(to: UInt16.self)
    if element == .f16 {
      zoo_f16_from_f32(count, from, to)
    } else {
      zoo_bf16_from_f32(count, from, to)
    }
  }
}

extension NodeIO {
  /// The same operands as if those of 16-bit floats were of `f32`.
  fileprivate func widened() throws(ModelError) -> NodeIO {
    func wide(_ operand: Operand?) throws(ModelError) -> Operand? {
      guard let operand, HalfStaging.isHalf(operand.element) else { return operand }
      var value: Tensor?
      if let half = operand.value { value = try HalfStaging.widened(half) }
      return Operand(element: .f32, shape: operand.shape, value: value, weight: operand.weight)
    }
    var (inputs, outputs): ([Operand?], [Operand?]) = ([], [])
    for operand in self.inputs { inputs.append(try wide(operand)) }
    for operand in self.outputs { outputs.append(try wide(operand)) }
    return NodeIO(
      inputs: inputs, outputs: outputs, packedWeights: packedWeights, threads: threads)
  }
}
