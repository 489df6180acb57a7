/// `Range`: numbers at equal distances.
///
///     y[i] = start + i·delta,  0 ≤ i < max(0, ⌈(limit − start) / delta⌉)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `start`, `limit`, `delta` | `[]` | `f64`, `f32`, `f16`, `bf16`, `i16`, `i32`, `i64` |
/// | output | `output` | `[n]` | type of the inputs |
///
/// Source: ONNX `Range`, opsets 11 and 27.
struct RangeOfNumbers: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 3...3) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0, of: [.f64, .f32, .f16, .bf16, .i16, .i32, .i64]).element
    for index in 1...2 { _ = try inputs.tensor(index, of: [type]) }
    return [.tensor(type, [try count(inputs)])]
  }

  private func count(_ inputs: Operands) throws(ModelError) -> Dimension {
    if let start = inputs.constant(0), let limit = inputs.constant(1),
      let delta = inputs.constant(2)
    {
      return .fixed(try Self.count(start, limit, delta))
    }
    guard let start = inputs.extents(0)?.first, let limit = inputs.extents(1)?.first,
      inputs.integers(2) == [1], start == .fixed(0)
    else { return .unknown }
    return limit
  }

  private static func count(
    _ start: Tensor, _ limit: Tensor, _ delta: Tensor
  ) throws(ModelError) -> Int {
    if let first = start.wideIntegers?.first, let end = limit.wideIntegers?.first,
      let step = delta.wideIntegers?.first
    {
      let (distance, overflow) = end.subtractingReportingOverflow(first)
      guard step != 0, !overflow else { throw badStep("\(step)") }
      guard distance != 0, (distance > 0) == (step > 0) else { return 0 }
      // In magnitudes the largest distance divided by -1 is a number, too.
      let (whole, rest) = distance.magnitude.quotientAndRemainder(dividingBy: step.magnitude)
      guard let count = Int(exactly: whole) else {
        throw ModelError(
          .limitExceeded, "a range of \(whole) numbers", expected: "at most \(Int.max)")
      }
      return count + (rest == 0 ? 0 : 1)
    }
    let numbers = [start, limit, delta].compactMap { $0.doubles?.first }
    guard numbers.count == 3, numbers[2] != 0 else { throw badStep("0") }
    let count = ((numbers[1] - numbers[0]) / numbers[2]).rounded(.up)
    guard count < Double(Int32.max) else { throw badStep("\(numbers[2])") }
    return count > 0 ? Int(count) : 0
  }

  private static func badStep(_ step: String) -> ModelError {
    ModelError(
      .outOfRange, "a range with step \(step)", expected: "finite numbers and a step other than 0")
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let count = try io.output().count
    func kernel<T: TensorElement>(_ next: @escaping @Sendable (T, Int, T) -> T) -> Kernel {
      Kernel("range") { context in
        let start = context.input(0, as: T.self)[0]
        let delta = context.input(2, as: T.self)[0]
        let output = context.output(as: T.self)
        for index in 0..<count { output[index] = next(start, index, delta) }
      }
    }
    switch try io.output().element {
    case .f64: return kernel { (start: Double, index, delta) in start + Double(index) * delta }
    case .f32: return kernel { (start: Float, index, delta) in start + Float(index) * delta }
    case .f16:
      return kernel { (start: Float16, index, delta) in
        Float16(Float(start) + Float(index) * Float(delta))
      }
    case .bf16:
      return kernel { (start: BFloat16, index, delta) in
        BFloat16(start.float + Float(index) * delta.float)
      }
    case .i16:
      return kernel { (start: Int16, index, delta) in
        start &+ Int16(truncatingIfNeeded: index) &* delta
      }
    case .i32:
      return kernel { (start: Int32, index, delta) in
        start &+ Int32(truncatingIfNeeded: index) &* delta
      }
    default: return kernel { (start: Int, index, delta) in start &+ index &* delta }
    }
  }
}

extension Tensor {
  /// Integer elements of any signed type from 16 bits on.
  var wideIntegers: [Int]? {
    elementType == .i16 ? (try? array(of: Int16.self))?.map(Int.init) : integers
  }

  /// The elements of a tensor of floats.
  var doubles: [Double]? {
    switch elementType {
    case .f64: try? array(of: Double.self)
    case .f32: (try? array(of: Float.self))?.map(Double.init)
    case .f16: (try? array(of: Float16.self))?.map(Double.init)
    case .bf16: (try? array(of: BFloat16.self))?.map { Double($0.float) }
    default: nil
    }
  }
}
