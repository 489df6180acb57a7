import CKernels
import Testing

/// An instruction set of this machine.
struct InstructionSet: Sendable, CustomTestStringConvertible {
  let raw: zoo_isa
  var testDescription: String { String(cString: zoo_isa_name(raw)) }
  var kernels: zoo_vector_kernels { zoo_vector_kernels_for(raw).pointee }
}

/// Every kernel test runs under each of these.
let instructionSets = [ZOO_ISA_PORTABLE, ZOO_ISA_NEON, ZOO_ISA_AVX2, ZOO_ISA_AVX512]
  .filter { zoo_isa_available($0) != 0 }.map(InstructionSet.init)

/// Reproducible values: a linear congruential generator (Knuth's MMIX constants), top bits used.
struct Noise: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
  mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }
}

/// How far `got` is from the exact value `want`, in units in the last place of the f32 nearest to `want`.
/// 0 where both are NaN or the same infinity; infinite where only one of them is.
func ulps(_ got: Float, _ want: Double) -> Double {
  if want.isNaN || got.isNaN { return want.isNaN && got.isNaN ? 0 : .infinity }
  let nearest = Float(want)
  if nearest.isInfinite || got.isInfinite { return got == nearest ? 0 : .infinity }
  if want == 0 && got == 0 { return got.sign == want.sign ? 0 : .infinity }
  return abs(Double(got) - want) / Double(nearest.ulp)
}

/// Fails with index, got and want unless every value is within `ulps` units in the last place or `absolute`.
func expectClose(
  _ got: [Float], _ want: [Double], ulps bound: Double = 0.5, absolute: Double = 0,
  _ context: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  guard got.count == want.count else {
    Issue.record("\(got.count) values, wanted \(want.count)", sourceLocation: sourceLocation)
    return
  }
  var worst = 0
  var worstExcess = 0.0
  for i in got.indices {
    let distance = ulps(got[i], want[i])
    guard distance > bound, !(abs(Double(got[i]) - want[i]) <= absolute) else { continue }
    if distance >= worstExcess { (worst, worstExcess) = (i, distance) }
  }
  if worstExcess > 0 {
    Issue.record(
      "\(context()): index \(worst): got \(got[worst]), want \(want[worst]), \(worstExcess) ulp",
      sourceLocation: sourceLocation)
  }
}
