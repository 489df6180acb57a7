import CKernels

/// A function of each element: `y[i] = f(x[i])`. The functions are listed in `UnaryTable`.
///
/// |        | name | shape        | element types |
/// |--------|------|--------------|---------------|
/// | input  | `x`  | any          | `f16`, `bf16`, `f32`, `f64`; for some functions integers |
/// | output | `y`  | shape of `x` | type of `x`   |
///
/// `f16` and `bf16` are computed in `f32`. Error bounds stand beside the kernels, in `vec_math.h`.
struct UnaryMath: TensorOperator {
  let function: UnaryFunction
  let a: Float
  let b: Float

  init(_ node: NodeReader, _ function: UnaryFunction) throws(ModelError) {
    // Functions before opset 6 carry `consumed_inputs`, which says nothing about the result.
    try node.require(inputs: 1...1)
    self.function = function
    (a, b) = try function.parameters(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let elements = function.takesIntegers ? ElementType.numbers : ElementType.floats
    return [.tensor(try inputs.tensor(0, of: elements))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    if x.element.isInteger { return try integers(io, x.count) }
    return Self.kernel(function.kernel, a: a, b: b, x.element, count: x.count)
  }

  private func integers(_ io: NodeIO, _ count: Int) throws(ModelError) -> Kernel {
    let stage = try Stage(io, as: .f64)
    let formula = UnaryFormula.f64(function.kernel, Double(a), Double(b))
    return Kernel("\(function.name)_f64", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      let x = stage.input(context, 0, as: Double.self)
      let y = stage.output(context, as: Double.self)
      context.parallel(count, grain: 4096) { range in
        // In f32 what is next to a whole number is that number before the fraction is cut off.
        for i in range { y[i] = Double(Float(formula(x[i]))) }
      }
      stage.store(context)
    }
  }

  /// The kernel for any floating-point type.
  static func kernel(
    _ op: zoo_unary, a: Float, b: Float, _ element: ElementType, count: Int
  ) -> Kernel {
    let name = String(cString: zoo_unary_name(op)) + "_\(element)"
    if element == .f64 {
      let formula = UnaryFormula.f64(op, Double(a), Double(b))
      return Kernel(name, reuses: [0: 0]) { context in
        let x = context.input(0, as: Double.self)
        let y = context.output(as: Double.self)
        context.parallel(count, grain: 4096) { range in for i in range { y[i] = formula(x[i]) } }
      }
    }
    return Kernel(name, reuses: [0: 0]) { context in
      let x = context.inputBytes(0)
      let y = context.outputBytes()
      let kernel = zoo_unary_f32_kernel(zoo_cpu_isa(), op)
      context.parallel(count, grain: Broadcast.grain / 4) { range in
        if element == .f32 {
          let size = MemoryLayout<Float>.stride
          kernel(
            (x + range.lowerBound * size).assumingMemoryBound(to: Float.self),
            (y + range.lowerBound * size).assumingMemoryBound(to: Float.self), range.count, a, b)
        } else {
          HalfChunks.map(x, y, element, range) { kernel($0, $0, $1, a, b) }
        }
      }
    }
  }
}

/// Pieces of 16-bit floats, widened to `f32` and narrowed again.
enum HalfChunks {
  static let size = 1024

  /// Applies `body` in place to all elements of `range`, piece by piece.
  static func map(
    _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ element: ElementType,
    _ range: Range<Int>, _ body: (UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    let type = element == .f16 ? zoo_f16 : zoo_bf16
    withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { buffer in
      guard let piece = buffer.baseAddress else { return }
      for start in stride(from: range.lowerBound, to: range.upperBound, by: size) {
        let count = min(size, range.upperBound - start)
        zoo_cast(x + 2 * start, type, piece, zoo_f32, count)
        body(piece, count)
        zoo_cast(piece, zoo_f32, y + 2 * start, type, count)
      }
    }
  }
}
