import CKernels
import Foundation
import Testing

@Suite struct AttentionKernelTests {
  /// One attention in memory, `[batch, time, heads, size]`.
  struct Problem {
    var batch = 2
    var heads = 4
    var groups = 2
    var queries: Int
    var keys: Int
    var size = 7
    var valueSize = 9
    var scale: Float = 0.3
    var softcap: Float = 0
    var mask: [Float]?
    var boolMask: [UInt8]?
    /// Per query, or one row for all.
    var maskPerQuery = false
    var lengths: [Int64]?
    var past = 0
    var isCausal = false
    var left = -1
    var right = -1
    var emptyIsZero = true
    var nanIsZero = false

    var q: [Float] = []
    var k: [Float] = []
    var v: [Float] = []

    mutating func fill(_ seed: UInt64) {
      var noise = Noise(seed: seed)
      q = noise.floats(batch * queries * heads * size, in: -3...3)
      k = noise.floats(batch * keys * groups * size, in: -3...3)
      v = noise.floats(batch * keys * groups * valueSize)
    }

    func run(_ isa: InstructionSet) -> [Float] {
      var y = [Float](repeating: .nan, count: batch * queries * heads * valueSize)
      q.withUnsafeBufferPointer { q in
        k.withUnsafeBufferPointer { k in
          v.withUnsafeBufferPointer { v in
            y.withUnsafeMutableBufferPointer { y in
              run(isa, q.baseAddress!, k.baseAddress!, v.baseAddress!, y.baseAddress!)
            }
          }
        }
      }
      return y
    }

    private func run(
      _ isa: InstructionSet, _ q: UnsafePointer<Float>, _ k: UnsafePointer<Float>,
      _ v: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) {
      func stride(_ time: Int, _ heads: Int, _ size: Int) -> zoo_attention_stride {
        .init(batch: time * heads * size, head: size, row: heads * size)
      }
      var call = zoo_attention()
      (call.q, call.k, call.v, call.y) = (q, k, v, y)
      (call.batch, call.heads, call.groups) = (Int64(batch), Int64(heads), Int64(groups))
      (call.queries, call.keys) = (Int64(queries), Int64(keys))
      (call.size, call.value_size) = (Int64(size), Int64(valueSize))
      call.q_stride = stride(queries, heads, size)
      call.k_stride = stride(keys, groups, size)
      call.v_stride = stride(keys, groups, valueSize)
      call.y_stride = stride(queries, heads, valueSize)
      (call.scale, call.softcap) = (scale, softcap)
      (call.past, call.causal) = (Int64(past), isCausal ? 1 : 0)
      (call.left, call.right) = (Int64(left), Int64(right))
      call.empty_is_zero = emptyIsZero ? 1 : 0
      call.nan_is_zero = nanIsZero ? 1 : 0
      call.mask_keys = Int64(keys)
      call.mask_key_stride = 1
      call.mask_stride.row = maskPerQuery ? keys : 0
      call.mask_is_bool = boolMask == nil ? 0 : 1
      let tasks = zoo_attention_tasks(isa.raw, &call)
      (mask ?? [0]).withUnsafeBytes { floats in
        (boolMask ?? [0]).withUnsafeBytes { bools in
          (lengths ?? [0]).withUnsafeBufferPointer { lengths in
            if mask != nil { call.mask = floats.baseAddress }
            if boolMask != nil { call.mask = bools.baseAddress }
            if self.lengths != nil { call.lengths = lengths.baseAddress }
            // Tasks are independent: they are run in two parts, the later one first.
            isa.kernels.attention(&call, tasks / 2, tasks)
            isa.kernels.attention(&call, 0, tasks / 2)
          }
        }
      }
    }

    /// In f64, by the definition.
    var exact: [Double] {
      var y: [Double] = []
      for b in 0..<batch {
        for t in 0..<queries {
          for h in 0..<heads { y += exactRow(b, t, h) }
        }
      }
      return y
    }

    private func exactRow(_ b: Int, _ t: Int, _ h: Int) -> [Double] {
      let group = h / (heads / groups)
      let length = lengths.map { Int($0[b]) }
      let position = t + (length.map { $0 - queries } ?? past)
      var scores = (0..<keys).map { key -> Double in
        if key >= length ?? keys || (isCausal && key > position) { return -.infinity }
        if left >= 0 && position - key > left { return -.infinity }
        if right >= 0 && key - position > right { return -.infinity }
        var sum = 0.0
        for d in 0..<size {
          sum +=
            Double(q[((b * queries + t) * heads + h) * size + d])
            * Double(k[((b * keys + key) * groups + group) * size + d])
        }
        sum *= Double(scale)
        if softcap > 0 { sum = Double(softcap) * tanh(sum / Double(softcap)) }
        let place = (maskPerQuery ? t * keys : 0) + key
        if let mask { sum += Double(mask[place]) }
        if let boolMask, boolMask[place] == 0 { sum = -.infinity }
        return sum
      }
      let top = scores.max() ?? -.infinity
      if top == -.infinity {
        return Array(repeating: emptyIsZero ? 0 : .nan, count: valueSize)
      }
      scores = scores.map { exp($0 - top) }
      let total = scores.reduce(0, +)
      return (0..<valueSize).map { i in
        scores.indices.reduce(0) {
          $0 + scores[$1] / total * Double(v[((b * keys + $1) * groups + group) * valueSize + i])
        }
      }
    }
  }

  private func expectExact(_ problem: Problem, _ isa: InstructionSet) {
    expectClose(
      problem.run(isa), problem.exact, ulps: 4, absolute: 4e-6,
      "\(problem.queries) queries, \(problem.keys) keys")
  }

  @Test(
    arguments: instructionSets,
    [
      (1, 1), (1, 300), (2, 5), (3, 128), (7, 129), (8, 16), (16, 127), (17, 257), (33, 40),
      (70, 3),
    ])
  func extents(isa: InstructionSet, extents: (queries: Int, keys: Int)) {
    for (size, valueSize) in [(1, 1), (7, 9), (32, 32), (64, 8)] {
      var problem = Problem(queries: extents.queries, keys: extents.keys)
      (problem.size, problem.valueSize) = (size, valueSize)
      problem.fill(1)
      expectExact(problem, isa)
    }
  }

  @Test(arguments: instructionSets, [1, 5, 40])
  func masks(isa: InstructionSet, queries: Int) {
    var noise = Noise(seed: 2)
    for perQuery in [false, true] {
      var problem = Problem(queries: queries, keys: 150)
      problem.fill(3)
      problem.maskPerQuery = perQuery
      let count = 150 * (perQuery ? queries : 1)
      problem.mask = noise.floats(count, in: -2...0).map { $0 < -1.5 ? -.infinity : $0 }
      expectExact(problem, isa)
      problem.mask = nil
      problem.boolMask = (0..<count).map { $0 % 3 == 0 ? 0 : 1 }
      problem.softcap = 2
      expectExact(problem, isa)
    }
  }

  /// Whole blocks of keys are out of sight of some queries.
  @Test(arguments: instructionSets, [1, 4, 200])
  func hiddenKeys(isa: InstructionSet, queries: Int) {
    for (left, right, isCausal, past) in [
      (-1, -1, true, 0), (-1, -1, true, 60), (10, -1, true, 60), (3, 5, false, 0), (0, 0, false, 9),
    ] {
      var problem = Problem(queries: queries, keys: 260)
      (problem.left, problem.right) = (left, right)
      (problem.isCausal, problem.past) = (isCausal, past)
      problem.fill(4)
      expectExact(problem, isa)
    }
    var problem = Problem(queries: queries, keys: 260)
    problem.lengths = [0, 201]
    problem.fill(5)
    expectExact(problem, isa)
  }

  @Test(arguments: instructionSets, [1, 20])
  func queriesWithoutKeys(isa: InstructionSet, queries: Int) {
    for emptyIsZero in [false, true] {
      var problem = Problem(queries: queries, keys: 20)
      problem.emptyIsZero = emptyIsZero
      problem.mask = Array(repeating: -.infinity, count: 20)
      problem.fill(6)
      expectExact(problem, isa)
    }
  }

  /// Each query has a mask of its own, but they are the same, or all but that of the last query.
  @Test(arguments: instructionSets, [5, 40])
  func masksThatAgree(isa: InstructionSet, queries: Int) {
    var noise = Noise(seed: 12)
    var problem = Problem(queries: queries, keys: 150)
    problem.fill(13)
    problem.maskPerQuery = true
    let row = noise.floats(150, in: -2...0).map { $0 < -1.5 ? -.infinity : $0 }
    problem.mask = (0..<queries).flatMap { _ in row }
    expectExact(problem, isa)
    problem.mask?[150 * queries - 1] -= 1
    expectExact(problem, isa)
  }

  /// A query that sees nothing, or has a score that is no number or ∞, gives 0, and the others what they give alone.
  @Test(
    arguments: instructionSets,
    [
      (1, -Float.infinity), (20, -.infinity), (1, .nan), (20, .nan), (1, .infinity),
      (20, .infinity),
    ])
  func weightsThatAreNoNumbers(isa: InstructionSet, row: (queries: Int, spoiled: Float)) {
    let (queries, spoiled) = row
    var problem = Problem(queries: queries, keys: 150)
    (problem.nanIsZero, problem.emptyIsZero, problem.maskPerQuery) = (true, false, true)
    problem.fill(8)
    problem.mask = Array(repeating: 0, count: 150 * queries)
    let sound = problem.run(isa)
    for key in 0..<150 where spoiled < 0 || key == 7 { problem.mask?[key] = spoiled }
    let found = problem.run(isa)
    let width = problem.heads * problem.valueSize
    for index in found.indices {
      let isSpoiled = index / width % queries == 0
      #expect(found[index].bitPattern == (isSpoiled ? 0 : sound[index].bitPattern))
    }
  }

  /// A mask of the lowest number hides keys only from queries that see others.
  @Test(arguments: instructionSets, [1, 20])
  func lowestNumber(isa: InstructionSet, queries: Int) {
    var problem = Problem(queries: queries, keys: 140)
    problem.mask = Array(repeating: -Float.greatestFiniteMagnitude, count: 140)
    problem.scale = 0
    problem.fill(7)
    expectExact(problem, isa)
  }
}
