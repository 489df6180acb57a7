import CKernels
import Foundation
import Testing

/// What a unary kernel must compute, in f64, and how exactly.
struct UnaryContract: Sendable {
  var a: Float = 0
  var b: Float = 0
  /// Units in the last place.
  var ulps = 0.5
  /// Allowed instead of `ulps`, where a sum or a product cancels.
  var absolute = 0.0
  let formula: @Sendable (Double) -> Double

  /// Fails at the first value of ``sweep`` whose result is too far from the formula's.
  func expect(_ result: [Float], _ name: String) {
    for (x, y) in zip(sweep, result) {
      let want = formula(Double(x))
      let distance = ZooRuntimeTests.ulps(y, want)
      if distance <= ulps || abs(Double(y) - want) <= absolute * max(1, abs(Double(x))) { continue }
      Issue.record("\(name)(\(x)) = \(y), want \(want): \(distance) ulp")
      return
    }
  }
}

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
private let third = Double(Float(1) / 3)

private let unaryContracts: [String: UnaryContract] = [
  "relu": .init { $0 < 0 ? 0 : $0 },
  "leaky_relu": .init(a: 0.125) { $0 < 0 ? 0.125 * $0 : $0 },
  "elu": .init(a: 1.5, ulps: 2) { $0 < 0 ? 1.5 * expm1($0) : $0 },
  "selu": .init(a: 1.5, b: 1.25, ulps: 3) { $0 > 0 ? 1.25 * $0 : 1.875 * expm1($0) },
  "celu": .init(a: 2, ulps: 2) { $0.isNaN ? $0 : max(0, $0) + min(0, 2 * expm1($0 / 2)) },
  "sigmoid": .init(ulps: 2.5) { sigmoid($0) },
  "hard_sigmoid": .init(a: 0.25, b: 0.5, ulps: 1) {
    $0.isNaN ? $0 : max(0, min(1, 0.25 * $0 + 0.5))
  },
  "hard_swish": .init(ulps: 2, absolute: 1e-6) {
    $0.isNaN ? $0 : $0 * max(0, min(1, $0 / 6 + 0.5))
  },
  "swish": .init(a: 0.5, ulps: 4, absolute: 1.5e-45) { $0 * sigmoid(0.5 * $0) },
  "silu": .init(ulps: 4, absolute: 1.5e-45) { $0 * sigmoid($0) },
  "mish": .init(ulps: 4, absolute: 1.5e-45) {
    $0 < -30 && $0 > -.infinity ? $0 * exp($0) : $0 * tanh(softplus($0))
  },
  "softplus": .init(ulps: 3) { softplus($0) },
  "softsign": .init(ulps: 1.5) { $0.isInfinite ? .nan : $0 / (1 + abs($0)) },
  "tanh": .init(ulps: 3) { tanh($0) },
  "scaled_tanh": .init(a: 1.5, b: 0.5, ulps: 3.5) { 1.5 * tanh(0.5 * $0) },
  "erf": .init(ulps: 1.5) { erf($0) },
  "gelu": .init(ulps: 4, absolute: 1e-7) { $0 * 0.5 * erfc(-$0 * 0.5.squareRoot()) },
  "gelu_tanh": .init(ulps: 4, absolute: 2e-7) {
    $0 * sigmoid(2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))
  },
  "exp": .init(ulps: 1) { exp($0) },
  "log": .init(ulps: 1) { log($0) },
  "sqrt": .init { $0.squareRoot() },
  "rsqrt": .init(ulps: 1.5) { 1 / $0.squareRoot() },
  "reciprocal": .init { 1 / $0 },
  "square": .init { $0 * $0 },
  "abs": .init { abs($0) },
  "neg": .init { -$0 },
  "floor": .init { $0.rounded(.down) },
  "ceil": .init { $0.rounded(.up) },
  "round": .init { $0.rounded(.toNearestOrEven) },
  "sign": .init { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 },
  "sin": .init(ulps: 1.5, absolute: 1e-10) { sin($0) },
  "cos": .init(ulps: 1.5, absolute: 1e-10) { cos($0) },
  "clip": .init(a: -1, b: 2) { $0.isNaN ? $0 : min(max($0, -1), 2) },
  "thresholded_relu": .init(a: 1) { $0 > 1 ? $0 : 0 },
  "shrink": .init(a: 1, b: 0.5) { $0 < -1 ? $0 + 0.5 : $0 > 1 ? $0 - 0.5 : 0 },
  "affine": .init(a: 1.5, b: 0.25, ulps: 1, absolute: 1e-7) { 1.5 * $0 + 0.25 },
  "tan": .init { tan($0) }, "asin": .init { asin($0) }, "acos": .init { acos($0) },
  "atan": .init { atan($0) }, "sinh": .init { sinh($0) }, "cosh": .init { cosh($0) },
  "asinh": .init { asinh($0) }, "acosh": .init { acosh($0) }, "atanh": .init { atanh($0) },
]

private let fusedContracts: [(kind: zoo_activation_kind, name: String)] = [
  (ZOO_ACTIVATION_SIGMOID, "sigmoid"), (ZOO_ACTIVATION_TANH, "tanh"),
  (ZOO_ACTIVATION_GELU_ERF, "gelu"), (ZOO_ACTIVATION_GELU_TANH, "gelu_tanh"),
  (ZOO_ACTIVATION_SILU, "silu"), (ZOO_ACTIVATION_HARD_SIGMOID, "hard_sigmoid"),
]

private let allUnary = (0..<zoo_unary_count.rawValue).map { zoo_unary(rawValue: $0) }

/// Every magnitude that f32 has, both signs, and the values where formulas change.
private let sweep: [Float] = {
  var values: [Float] = [
    0, -0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
    .leastNormalMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude,
    -.greatestFiniteMagnitude, 0.5, -0.5, 1, -1, 1.5, -1.5, 2.5, -2.5, 88.7, 88.8, -87.4, -103.9,
    -104.1, 8_388_607.5, 16_777_216, -8_388_607.5,
  ]
  var noise = Noise(seed: 1)
  values += noise.floats(6000, in: -1...1)
  values += noise.floats(6000, in: -12...12)
  values += noise.floats(2000, in: -110...110)
  values += (0..<4000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: noise.next())) }
    .filter { !$0.isNaN }
  return values
}()

@Suite struct UnaryKernelTests {
  @Test(arguments: instructionSets, allUnary.map { String(cString: zoo_unary_name($0)) })
  func agreesWithItsFormula(isa: InstructionSet, name: String) throws {
    let contract = try #require(unaryContracts[name], "no contract for \(name)")
    let op = try #require(allUnary.first { String(cString: zoo_unary_name($0)) == name })
    var result = [Float](repeating: 7, count: sweep.count)
    zoo_unary_f32_kernel(isa.raw, op)(sweep, &result, sweep.count, contract.a, contract.b)
    contract.expect(result, name)
  }

  /// What layers compute with their own sums is as exact as what is computed by itself.
  @Test(arguments: instructionSets, fusedContracts)
  func activationsOfProductsKeepTheSameContract(
    isa: InstructionSet, fused: (kind: zoo_activation_kind, name: String)
  ) throws {
    let contract = try #require(unaryContracts[fused.name])
    let count = Int64(sweep.count)
    let packed = UnsafeMutableRawPointer.allocate(
      byteCount: zoo_gemm_f32_packed_bytes(isa.raw, 1, count), alignment: 64)
    defer { packed.deallocate() }
    zoo_gemm_f32_pack(isa.raw, 1, count, sweep, count, 0, 1, packed)
    var epilogue = zoo_epilogue()
    epilogue.activation = zoo_activation(kind: fused.kind, a: contract.a, b: contract.b)
    var result = [Float](repeating: 7, count: sweep.count)
    zoo_gemm_f32_run(isa.raw, 1, count, 1, [1], 1, 0, packed, &result, count, &epilogue, 1)
    contract.expect(result, fused.name)
  }

  @Test(arguments: instructionSets, allUnary)
  func dependsNeitherOnPositionNorLength(isa: InstructionSet, op: zoo_unary) {
    let kernel = zoo_unary_f32_kernel(isa.raw, op)
    let x = Array(sweep.prefix(80))
    var whole = x
    kernel(x, &whole, x.count, 0.5, 0.25)
    for count in [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33] {
      for start in [0, 1, 11] {
        var part = Array(x[start..<start + count]) + [42]
        part.withUnsafeMutableBufferPointer { buffer in
          let base = buffer.baseAddress!
          kernel(base, base, count, 0.5, 0.25)
        }
        #expect(part[count] == 42)
        for i in 0..<count where part[i].bitPattern != whole[start + i].bitPattern {
          Issue.record(
            "\(x[start + i]): \(part[i]) in a run of \(count), \(whole[start + i]) in a long one")
        }
      }
    }
  }
}
