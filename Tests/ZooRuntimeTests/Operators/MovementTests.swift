import Testing
import ZooRuntime

@Suite struct MovementTests {
  @Test(arguments: [[2, 3], [33, 65], [1, 32, 31], [0, 3], [4, 1, 5, 2], [2, 3, 4, 5, 6]])
  func transposesLikeTheDefinition(shape: [Int]) throws {
    let axes = Array(shape.indices.dropFirst()) + [0]
    let x = try Tensor.counting(shape)
    let target = axes.map { shape[$0] }
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    var expected: [Float] = []
    for place in 0..<target.reduce(1, *) {
      var (rest, source) = (place, 0)
      for axis in target.indices.reversed() {
        source += rest % target[axis] * strides[axes[axis]]
        rest /= target[axis]
      }
      expected.append(Float(source))
    }
    try NodeRunner.expect(
      "Transpose", [x], [Attribute("perm", .ints(axes.map(Int64.init)))],
      gives: [.f32(expected, target)])
  }

  @Test func movesStringsAndPackedElements() throws {
    let words = try Tensor(strings: ["a", "b", "c", "d", "e", "f"], shape: [2, 3])
    try NodeRunner.expect(
      "Transpose", [words],
      gives: [Tensor(strings: ["a", "d", "b", "e", "c", "f"], shape: [3, 2])])
    let nibbles = try Tensor(.u4, codes: [1, 2, 3, 4, 5, 6], shape: [2, 3])
    try NodeRunner.expect(
      "Transpose", [nibbles], gives: [Tensor(.u4, codes: [1, 4, 2, 5, 3, 6], shape: [3, 2])])
    try NodeRunner.expect(
      "Pad", [Tensor(strings: ["a"], shape: [1]), .i64([1, 0])],
      gives: [Tensor(strings: ["", "a"], shape: [2])])
  }

  @Test func concatenates() throws {
    let a = try Tensor.f32([1, 2, 3, 4], [2, 2])
    let b = try Tensor.f32([5, 6], [2, 1])
    let axis = [Attribute("axis", .int(-1))]
    try NodeRunner.expect("Concat", [a, b], axis, gives: [.f32([1, 2, 5, 3, 4, 6], [2, 3])])
    try NodeRunner.expect("Concat", [a, .f32([], [2, 0])], axis, gives: [a])
    NodeRunner.expectRefusal(
      "Concat", [a, b], [Attribute("axis", .int(0))], code: .shapeMismatch)
  }

  static let cuts: [(Int64, Int64, Int64, [Float])] = [
    (1, 4, 1, [1, 2, 3]), (-2, 99, 1, [3, 4]), (4, -99, -2, [4, 2, 0]), (3, 1, 1, []),
    (.max, .min, .min, [4]), (0, .max, .max, [0]), (-1, .min, -1, [4, 3, 2, 1, 0]),
  ]

  @Test(arguments: cuts)
  func slices(start: Int64, end: Int64, step: Int64, places: [Float]) throws {
    try NodeRunner.expect(
      "Slice", [.counting([5]), .i64([start]), .i64([end]), .i64([0]), .i64([step])],
      gives: [.f32(places)])
  }

  @Test func slicesByAttributes() throws {
    try NodeRunner.expect(
      "Slice", opset: 9, [.counting([2, 3])],
      [
        Attribute("starts", .ints([1])), Attribute("ends", .ints([3])),
        Attribute("axes", .ints([1])),
      ], gives: [.f32([1, 2, 4, 5], [2, 2])])
    NodeRunner.expectRefusal(
      "Slice", [try .counting([5]), try .i64([0]), try .i64([2]), try .i64([0]), try .i64([0])],
      code: .invalidAttribute)
  }

  @Test func splits() throws {
    let x = try Tensor.counting([7])
    try NodeRunner.expect(
      "Split", [x, .i64([2, 0, 5])], gives: [.f32([0, 1]), .f32([]), .f32([2, 3, 4, 5, 6])])
    try NodeRunner.expect(
      "Split", [x], [Attribute("num_outputs", .int(3))],
      gives: [.f32([0, 1, 2]), .f32([3, 4, 5]), .f32([6])])
    try NodeRunner.expect(
      "Split", opset: 12, [.counting([2, 2])], [Attribute("axis", .int(1))],
      gives: [.f32([0, 2], [2, 1]), .f32([1, 3], [2, 1])])
    NodeRunner.expectRefusal("Split", opset: 13, [x], outputs: 2, code: .shapeMismatch)
  }

  @Test func expandsAndTiles() throws {
    try NodeRunner.expect(
      "Expand", [.f32([1, 2], [2, 1]), .i64([2, 1, 3])],
      gives: [.f32([1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2], [2, 2, 3])])
    try NodeRunner.expect("Expand", [.f32([], [0, 1]), .i64([0, 4])], gives: [.f32([], [0, 4])])
    try NodeRunner.expect(
      "Tile", [.f32([1, 2, 3, 4], [2, 2]), .i64([1, 2])],
      gives: [.f32([1, 2, 1, 2, 3, 4, 3, 4], [2, 4])])
    NodeRunner.expectRefusal(
      "Expand", [try .counting([3]), try .i64([2])], code: .shapeMismatch)
  }

  static let paddings: [(String, [Float])] = [
    ("constant", [0, 0, 1, 2, 3, 0]), ("edge", [1, 1, 1, 2, 3, 3]),
    ("reflect", [3, 2, 1, 2, 3, 2]), ("wrap", [2, 3, 1, 2, 3, 1]),
  ]

  @Test(arguments: paddings)
  func pads(mode: String, expected: [Float]) throws {
    let attributes = [Attribute("mode", .string(mode))]
    try NodeRunner.expect(
      "Pad", [.f32([1, 2, 3]), .i64([2, 1])], attributes, gives: [.f32(expected)])
    try NodeRunner.expect(
      "Pad", [.f32([0, 1, 2, 3]), .i64([-1, 0])], attributes, gives: [.f32([1, 2, 3])])
  }

  @Test func padsByAxesAndValue() throws {
    try NodeRunner.expect(
      "Pad", [.f32([1, 2], [1, 2]), .i64([1, 0]), Tensor(scalar: Float(9)), .i64([-1])],
      gives: [.f32([9, 1, 2], [1, 3])])
    NodeRunner.expectRefusal(
      "Pad", [try .f32([], [0]), try .i64([1, 0])], [Attribute("mode", .string("edge"))],
      code: .shapeMismatch)
  }

  @Test func gathers() throws {
    let x = try Tensor.f32([1, 2, 3, 4], [2, 2])
    try NodeRunner.expect(
      "Gather", [x, .i64([1, -1, 0], [3, 1])], [Attribute("axis", .int(1))],
      gives: [.f32([2, 2, 1, 4, 4, 3], [2, 3, 1])])
    NodeRunner.expectRefusal("Gather", [x, try .i64([2])], code: .outOfRange)
    NodeRunner.expectRefusal("Gather", [x, try .i64([-3])], code: .outOfRange)
  }

  @Test func selects() throws {
    let condition = try Tensor([true, false, false, true], shape: [2, 2])
    try NodeRunner.expect(
      "Where", [condition, .f32([1, 2], [1, 2]), Tensor(scalar: Float(9))],
      gives: [.f32([1, 9, 9, 2], [2, 2])])
    try NodeRunner.expect(
      "Where", [condition, Tensor(strings: ["x"], shape: [1]), Tensor(strings: ["y"], shape: [])],
      gives: [Tensor(strings: ["x", "y", "y", "x"], shape: [2, 2])])
  }

  @Test func findsNonZeros() throws {
    try NodeRunner.expect(
      "NonZero", [.f32([0, 1, -0.0, 2], [2, 2])], gives: [.i64([0, 1, 1, 1], [2, 2])])
    try NodeRunner.expect(
      "NonZero", [Tensor(scalar: Int32(3))], gives: [.i64([0], [1, 1])])
  }
}
