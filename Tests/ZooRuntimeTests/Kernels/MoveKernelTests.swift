import CKernels
import Testing

/// `zoo_move` against a walk over all indices.
@Suite struct MoveKernelTests {
  /// Extents, and the axes' order in the operand; `flips` go backwards and `repeats` stay in place.
  struct Box: CustomTestStringConvertible {
    var extents: [Int]
    var order: [Int]
    var flips: Set<Int> = []
    var repeats: Set<Int> = []

    var testDescription: String { "\(extents) as \(order), -\(flips), 0\(repeats)" }

    var outStrides: [Int] { strides(Array(extents.indices)) }
    var inStrides: [Int] {
      strides(order).enumerated().map { axis, stride in
        repeats.contains(axis) ? 0 : flips.contains(axis) ? -stride : stride
      }
    }
    /// Where the element of index 0 is in the operand.
    var inOffset: Int {
      extents.indices.map { inStrides[$0] < 0 ? (1 - extents[$0]) * inStrides[$0] : 0 }.reduce(0, +)
    }

    private func strides(_ order: [Int]) -> [Int] {
      var (result, next) = ([Int](repeating: 0, count: extents.count), 1)
      for axis in order.reversed() {
        result[axis] = next
        next *= extents[axis]
      }
      return result
    }
  }

  static let boxes: [Box] =
    [
      [3, 4, 5], [1, 1, 1], [2, 3, 4, 5], [33, 65], [2, 1, 7, 3], [64, 31], [2, 0, 3], [129, 3],
      [100, 2], [5, 70, 7], [8, 81], [17, 17], [2, 16, 130], [15, 9],
    ].flatMap { (extents: [Int]) in
      extents.indices.map { shift in
        Box(
          extents: extents,
          order: extents.indices.map { ($0 + shift) % extents.count }.reversed())
      }
    } + [
      Box(extents: [4, 5, 6], order: [0, 1, 2], flips: [1]),
      Box(extents: [4, 33, 40], order: [0, 2, 1], flips: [0, 2]),
      Box(extents: [4, 5, 6], order: [0, 1, 2], repeats: [0, 2]),
      Box(extents: [40, 35], order: [1, 0], flips: [0], repeats: [1]),
      Box(extents: [7], order: [0], flips: [0]),
    ]

  @Test(arguments: boxes, [1, 2, 4, 8, 16])
  func moves(_ box: Box, size: Int) {
    let count = box.extents.reduce(1, *)
    let x = (0..<count * size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var plan = zoo_move()
    let taken = zoo_move_plan(
      &plan, Int32(box.extents.count), box.extents.map(Int64.init),
      box.inStrides.map(Int64.init), box.outStrides.map(Int64.init), Int64(size))
    #expect(taken == 1)
    var y = [UInt8](repeating: 0, count: count * size)
    x.withUnsafeBytes { x in
      guard let base = x.baseAddress else { return }
      let first = base + box.inOffset * size
      // In two parts, as two threads would.
      zoo_move_run(&plan, first, &y, 0, plan.items / 2)
      zoo_move_run(&plan, first, &y, plan.items / 2, plan.items)
    }
    var want: [UInt8] = []
    for at in 0..<count {
      var (rest, source) = (at, box.inOffset)
      for axis in box.extents.indices.reversed() {
        source += rest % box.extents[axis] * box.inStrides[axis]
        rest /= box.extents[axis]
      }
      want += x[source * size..<(source + 1) * size]
    }
    #expect(y == want)
  }

  @Test func refusesWhatItCannotDo() {
    var plan = zoo_move()
    #expect(zoo_move_plan(&plan, 1, [2], [1], [1], 3) == 0)
    let extents = [Int64](repeating: 2, count: 17)
    let apart = (0..<17).map { Int64(3 << $0) }
    #expect(zoo_move_plan(&plan, 17, extents, apart, apart.reversed(), 4) == 0)
  }
}
