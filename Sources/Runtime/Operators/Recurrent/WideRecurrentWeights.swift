/// `W` or `R` of a recurrent layer of `f64`, used as it is.
struct WideRecurrentWeights: RecurrentProducts {
  private let operand: Int
  /// Rows of the groups, the same in each direction.
  private let groups: [Int]
  private let columns: Int

  init(_ io: NodeIO, operand: Int, groups: [Int]) throws(ModelError) {
    self.operand = operand
    self.groups = groups
    columns = try io.input(operand).shape[2]
  }

  var scratchBytes: Int { 0 }

  func matrices(
    _ context: borrowing KernelContext, scratch: UnsafeMutableRawPointer
  ) -> RecurrentMatrices {
    RecurrentMatrices(packed: context.inputBytes(operand))
  }

  /// A layer of `f64` has no products of `f32`.
  func run(
    _ matrices: RecurrentMatrices, direction: Int, group: Int, rows: Int,
    _ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride: Int,
    bias: UnsafePointer<Float>?, accumulates: Bool, threads: Int
  ) {}

  func run(
    _ matrices: RecurrentMatrices, direction: Int, group: Int, rows: Int,
    _ a: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, stride: Int,
    bias: UnsafePointer<Double>?, accumulates: Bool
  ) {
    let before = direction * groups.reduce(0, +) + groups[..<group].reduce(0, +)
    let weights = matrices.packed.assumingMemoryBound(to: Double.self) + before * columns
    for row in 0..<rows {
      for n in 0..<groups[group] {
        var sum = (bias?[n] ?? 0) + (accumulates ? c[row * stride + n] : 0)
        for k in 0..<columns { sum += a[row * columns + k] * weights[n * columns + k] }
        c[row * stride + n] = sum
      }
    }
  }
}

@inline(__always)
func as64<T>(_ pointer: UnsafePointer<T>) -> UnsafePointer<Double> {
  UnsafeRawPointer(pointer).assumingMemoryBound(to: Double.self)
}

@inline(__always)
func as64<T>(_ pointer: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<Double> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Double.self)
}
