import CKernels

/// The steps of a ``Pointwise`` with the kernels of this CPU, and where the pieces of their results are kept.
struct PointwiseProgram: Sendable {
  private enum Place {
    case input(Int)
    case register(Int)
    case output
  }

  // Pointers to C functions hold no state.
  private struct Instruction: @unchecked Sendable {
    let operands: (Place, Place)
    let result: Place
    let call: (_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void
  }

  private let instructions: [Instruction]
  private let strides: [Int]
  private let sizes: [Int]
  private let size: Int
  private let registers: Int
  /// The inputs whose pieces are laid out in the first registers.
  private let repeated: [RepeatedInput]

  /// Elements of a piece: a few of them fit the first cache.
  private static let piece = 1024

  /// - Parameters:
  ///   - strides: For each input, 1, or 0 to repeat one element along a row.
  ///   - sizes: Bytes of an element of each input.
  ///   - repeated: Inputs that are read otherwise.
  init(
    _ steps: [PointwiseStep], _ strides: [Int], _ sizes: [Int], _ repeated: [RepeatedInput] = []
  ) {
    (self.strides, self.sizes, self.repeated) = (strides, sizes, repeated)
    size = steps.last?.result.byteWidth ?? MemoryLayout<Float>.stride
    var lastUse: [Int: Int] = [:]
    for (index, step) in steps.enumerated() {
      lastUse[step.operands.0] = index
      lastUse[step.operands.1] = index
    }
    var places = strides.indices.map { Place.input($0) }
    for (register, input) in repeated.enumerated() { places[input.index] = .register(register) }
    var (free, count) = ([Int](), repeated.count)
    var instructions: [Instruction] = []
    for (index, step) in steps.enumerated() {
      let (a, b) = step.operands
      // A kernel may write over an operand that it reads for the last time.
      for operand in Set([a, b]) where lastUse[operand] == index {
        if case .register(let register) = places[operand] { free.append(register) }
      }
      var result = Place.output
      if index < steps.count - 1 {
        if free.isEmpty { (free, count) = ([count], count + 1) }
        result = .register(free.removeLast())
      }
      let ends = (a < strides.count ? strides[a] : 1, b < strides.count ? strides[b] : 1)
      instructions.append(
        Instruction(
          operands: (places[a], places[b]), result: result, call: Self.call(step.function, ends)))
      places.append(result)
    }
    (self.instructions, registers) = (instructions, count)
  }

  private static func call(
    _ function: PointwiseStep.Function, _ strides: (Int, Int)
  ) -> (UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void {
    let vector = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    switch function {
    case .unary(let op, let first, let second):
      let kernel = zoo_unary_f32_kernel(zoo_cpu_isa(), op)
      return { a, _, y, n in kernel(a.floats, y.floats, n, first, second) }
    case .binary(let op):
      let kernel = zoo_binary_kernel_for(zoo_cpu_isa(), op, zoo_f32)
      return { a, b, y, n in kernel?(a, strides.0, b, strides.1, y, n) }
    case .dequantize(.i8, let scale, let zero):
      let kernel = vector.dequantize_s8
      return { a, _, y, n in
        kernel(a.assumingMemoryBound(to: Int8.self), y.floats, n, scale, zero)
      }
    case .dequantize(_, let scale, let zero):
      let kernel = vector.dequantize_u8
      return { a, _, y, n in
        kernel(a.assumingMemoryBound(to: UInt8.self), y.floats, n, scale, zero)
      }
    case .quantize(.i8, let scale, let zero):
      let kernel = vector.quantize_s8
      return { a, _, y, n in
        kernel(a.floats, y.assumingMemoryBound(to: Int8.self), n, scale, zero)
      }
    case .quantize(_, let scale, let zero):
      let kernel = vector.quantize_u8
      return { a, _, y, n in
        kernel(a.floats, y.assumingMemoryBound(to: UInt8.self), n, scale, zero)
      }
    }
  }

  /// `count` elements of a row, from element `begin` of the result on; input n begins `offsets[n]` elements behind
  /// `inputs[n]`.
  func run(
    _ inputs: [UnsafeRawPointer], _ offsets: [Int], _ y: UnsafeMutableRawPointer, _ count: Int,
    from begin: Int = 0
  ) {
    let length = min(Self.piece, (count + 15) / 16 * 16)
    let bytes = max(1, registers) * length * MemoryLayout<Float>.stride
    withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 64) { buffer in
      guard let memory = buffer.baseAddress else { return }
      for start in stride(from: 0, to: count, by: max(1, length)) {
        func pointer(_ place: Place) -> UnsafeMutableRawPointer {
          switch place {
          case .input(let index):
            let at = (offsets[index] + start * strides[index]) * sizes[index]
            return UnsafeMutableRawPointer(mutating: inputs[index] + at)
          case .register(let index): return memory + index * length * MemoryLayout<Float>.stride
          case .output: return y + start * size
          }
        }
        let n = min(length, count - start)
        for (register, input) in repeated.enumerated() {
          input.lay(
            inputs[input.index], begin + start, n, pointer(.register(register)).floats)
        }
        for step in instructions {
          step.call(
            pointer(step.operands.0), pointer(step.operands.1), pointer(step.result), n)
        }
      }
    }
  }
}

/// An `f32` input of which elements are repeated in the result.
struct RepeatedInput: Sendable {
  let index: Int
  /// Of the result, and of the input under it: see ``Broadcast``.
  let extents: [Int]
  let strides: [Int]

  /// Writes what meets elements `begin ..< begin + count` of the result.
  fileprivate func lay(
    _ x: UnsafeRawPointer, _ begin: Int, _ count: Int, _ y: UnsafeMutablePointer<Float>
  ) {
    extents.withUnsafeBufferPointer { extents in
      strides.withUnsafeBufferPointer { strides in
        guard let first = extents.baseAddress, let steps = strides.baseAddress else { return }
        zoo_repeat_f32(x.floats, first, steps, Int32(extents.count), begin, count, y)
      }
    }
  }
}

extension UnsafeRawPointer {
  fileprivate var floats: UnsafePointer<Float> { assumingMemoryBound(to: Float.self) }
}

extension UnsafeMutableRawPointer {
  fileprivate var floats: UnsafeMutablePointer<Float> { assumingMemoryBound(to: Float.self) }
}
