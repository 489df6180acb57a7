import CKernels

/// Operands converted, in scratch memory, to the element type that a kernel computes in.
///
/// A kernel written for `f32` serves `f16` and `bf16` through a stage; operands that are of the right type already
/// are used in place.
struct Stage: Sendable {
  private struct Copy: Sendable {
    let operand: Int
    let offset: Int
    let count: Int
    let type: zoo_scalar
  }

  private let compute: zoo_scalar
  private let computeSize: Int
  private var loads: [Copy] = []
  private var stores: [Copy] = []
  private var inputOffsets: [Int?]
  private var outputOffsets: [Int?]
  /// Where the kernel's own scratch memory begins; all bytes before it are the stage's.
  private(set) var scratchOffset = 0

  /// - Parameters:
  ///   - compute: The type that the kernel computes in.
  ///   - inputs: The inputs to convert, as far as they are there; all by default.
  ///   - outputs: The outputs to convert, as far as they are wanted; all by default.
  init(
    _ io: NodeIO, as compute: ElementType, inputs: [Int]? = nil, outputs: [Int]? = nil
  ) throws(ModelError) {
    self.compute = try compute.requireScalar()
    computeSize = compute.bitWidth / 8
    inputOffsets = Array(repeating: nil, count: io.inputs.count)
    outputOffsets = Array(repeating: nil, count: io.outputs.count)
    for index in inputs ?? Array(io.inputs.indices) {
      guard index < io.inputs.count, let operand = io.inputs[index], operand.element != compute
      else { continue }
      inputOffsets[index] = scratchOffset
      loads.append(try reserve(index, operand))
    }
    for index in outputs ?? Array(io.outputs.indices) {
      guard index < io.outputs.count, let operand = io.outputs[index], operand.element != compute
      else { continue }
      outputOffsets[index] = scratchOffset
      stores.append(try reserve(index, operand))
    }
  }

  private mutating func reserve(
    _ index: Int, _ operand: NodeIO.Operand
  ) throws(ModelError) -> Copy {
    let copy = Copy(
      operand: index, offset: scratchOffset, count: operand.count,
      type: try operand.element.requireScalar())
    scratchOffset += (operand.count * computeSize + 63) / 64 * 64
    return copy
  }

  /// Whether no operand needs converting.
  var isEmpty: Bool { loads.isEmpty && stores.isEmpty }

  /// Converts the inputs. Call it first.
  func load(_ context: borrowing KernelContext) {
    for copy in loads {
      zoo_cast(
        context.inputBytes(copy.operand), copy.type, context.scratch + copy.offset, compute,
        copy.count)
    }
  }

  /// Converts the outputs back. Call it last.
  func store(_ context: borrowing KernelContext) {
    for copy in stores {
      zoo_cast(
        context.scratch + copy.offset, compute, context.outputBytes(copy.operand), copy.type,
        copy.count)
    }
  }

  func input<T>(
    _ context: borrowing KernelContext, _ index: Int, as type: T.Type = T.self
  ) -> UnsafePointer<T> {
    guard let offset = inputOffsets[index] else { return context.input(index) }
    return UnsafePointer((context.scratch + offset).assumingMemoryBound(to: T.self))
  }

  func output<T>(
    _ context: borrowing KernelContext, _ index: Int = 0, as type: T.Type = T.self
  ) -> UnsafeMutablePointer<T> {
    guard let offset = outputOffsets[index] else { return context.output(index) }
    return (context.scratch + offset).assumingMemoryBound(to: T.self)
  }

  /// The kernel's own scratch memory.
  func scratch<T>(
    _ context: borrowing KernelContext, as type: T.Type = T.self
  ) -> UnsafeMutablePointer<T> {
    (context.scratch + scratchOffset).assumingMemoryBound(to: T.self)
  }
}
