import CKernels
import Foundation
import Testing

private func exactReduction(_ name: String, _ v: [Double]) -> Double {
  switch name {
  case "sum": v.reduce(0, +)
  case "mean": v.reduce(0, +) / Double(v.count)
  case "max": v.reduce(-.infinity) { $0.isNaN || $1.isNaN ? .nan : max($0, $1) }
  case "min": v.reduce(.infinity) { $0.isNaN || $1.isNaN ? .nan : min($0, $1) }
  case "prod": v.reduce(1, *)
  case "sum_square": v.reduce(0) { $0 + $1 * $1 }
  case "l1": v.reduce(0) { $0 + abs($1) }
  case "l2": v.reduce(0) { $0 + $1 * $1 }.squareRoot()
  case "log_sum": log(v.reduce(0, +))
  default: log(v.reduce(0) { $0 + exp($1) })
  }
}

private let allReductions = (0..<zoo_reduce_count.rawValue).map { zoo_reduce(rawValue: $0) }

struct Layout: Sendable, CustomTestStringConvertible {
  let outer, axis, inner: Int
  var testDescription: String { "\(outer)×\(axis)×\(inner)" }
  func places(_ o: Int, _ i: Int) -> [Int] { (0..<axis).map { (o * axis + $0) * inner + i } }
}

private let layouts = [
  (1, 1, 1), (2, 0, 1), (2, 0, 3), (3, 7, 1), (2, 16, 1), (2, 31, 1), (2, 64, 1), (1, 129, 1),
  (2, 5, 15),
  (2, 5, 16), (2, 130, 17), (0, 4, 4), (2, 4, 0), (1, 9001, 1),
].map { Layout(outer: $0.0, axis: $0.1, inner: $0.2) }

@Suite struct ReduceKernelTests {
  @Test(arguments: instructionSets, allReductions)
  func agreesWithF64(isa: InstructionSet, op: zoo_reduce) {
    let name = String(cString: zoo_reduce_name(op))
    for layout in layouts {
      var noise = Noise(seed: 9)
      let isPositive = name == "log_sum" || name == "prod"
      let x = noise.floats(
        layout.outer * layout.axis * layout.inner, in: isPositive ? 0.9...1.1 : -2...3)
      var y = [Float](repeating: 0, count: layout.outer * layout.inner)
      zoo_reduce_f32_kernel(isa.raw, op)(x, &y, layout.outer, layout.axis, layout.inner)
      var want: [Double] = []
      for o in 0..<layout.outer {
        for i in 0..<layout.inner {
          want.append(exactReduction(name, layout.places(o, i).map { Double(x[$0]) }))
        }
      }
      // A product's error grows with its length; a sum's with the size of its parts.
      let ulps = name == "prod" ? Double(layout.axis) : 8
      let absolute = name.hasPrefix("sum") ? 2e-7 * Double(layout.axis) : 1e-6
      expectClose(y, want, ulps: ulps, absolute: absolute, "\(name) \(layout.testDescription)")
    }
  }

  @Test(arguments: instructionSets)
  func aLongSumKeepsItsDigits(isa: InstructionSet) {
    let x = [Float](repeating: 0.1, count: 1 << 21)
    var y: [Float] = [0]
    zoo_reduce_f32_kernel(isa.raw, zoo_reduce_sum)(x, &y, 1, x.count, 1)
    #expect(abs(Double(y[0]) - Double(Float(0.1)) * Double(x.count)) < 1)
  }

  @Test(arguments: instructionSets)
  func specialValues(isa: InstructionSet) {
    var y: [Float] = [0]
    let cases: [(zoo_reduce, [Float], Float)] = [
      (zoo_reduce_max, [1, .nan, 3], .nan), (zoo_reduce_min, [1, .nan, 3], .nan),
      (zoo_reduce_log_sum_exp, [-.infinity, -.infinity], -.infinity),
      (zoo_reduce_log_sum_exp, [1, .infinity], .infinity),
      (zoo_reduce_log_sum_exp, [1000, 1000], 1000 + log(Float(2))),
    ]
    for (op, x, want) in cases {
      zoo_reduce_f32_kernel(isa.raw, op)(x, &y, 1, x.count, 1)
      #expect(y[0] == want || (y[0].isNaN && want.isNaN))
      let doubled = x.flatMap { [$0, $0] }
      var pair: [Float] = [0, 0]
      zoo_reduce_f32_kernel(isa.raw, op)(doubled, &pair, 1, x.count, 2)
      #expect(pair[1] == want || (pair[1].isNaN && want.isNaN))
    }
  }

  @Test(arguments: instructionSets, layouts.filter { $0.axis > 0 })
  func indexOfTheExtreme(isa: InstructionSet, layout: Layout) {
    var noise = Noise(seed: 10)
    // Few distinct values, so that ties are common; NaN counts as the most extreme.
    for hasNaN in [false, true] {
      let x = noise.floats(layout.outer * layout.axis * layout.inner, in: 0...5).map { v -> Float in
        hasNaN && v > 4.7 ? .nan : v.rounded()
      }
      for isMin in [false, true] {
        for last in [false, true] {
          var y = [Int64](repeating: -1, count: layout.outer * layout.inner)
          isa.kernels.arg_extreme(
            x, &y, layout.outer, layout.axis, layout.inner, isMin ? 1 : 0, last ? 1 : 0)
          var want: [Int64] = []
          for o in 0..<layout.outer {
            for i in 0..<layout.inner {
              let v = layout.places(o, i).map { x[$0] }
              let keys = v.map { $0.isNaN ? Float.infinity : isMin ? -$0 : $0 }
              let top = keys.max()!
              want.append(Int64(last ? keys.lastIndex(of: top)! : keys.firstIndex(of: top)!))
            }
          }
          #expect(y == want, "min \(isMin) last \(last)")
        }
      }
    }
  }

  @Test(arguments: instructionSets, [0, 1, 7, 16, 35])
  func range(isa: InstructionSet, n: Int) {
    var noise = Noise(seed: 11)
    let x = noise.floats(n) + (n > 0 ? [.nan] : [])
    var least: Float = 0
    var greatest: Float = 0
    isa.kernels.range(x, x.count, &least, &greatest)
    let numbers = x.filter { !$0.isNaN }
    #expect(least == (numbers.min() ?? Float.infinity))
    #expect(greatest == (numbers.max() ?? -Float.infinity))
  }
}
