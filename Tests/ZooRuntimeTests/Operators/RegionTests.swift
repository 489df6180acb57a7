import Testing
import ZooRuntime

/// Operators that read an image at places that data gives.
@Suite struct RegionTests {
  private func image() throws -> Tensor { try .counting([1, 1, 4, 4]) }
  private let cells = [
    Attribute("output_height", .int(2)), Attribute("output_width", .int(2)),
    Attribute("sampling_ratio", .int(1)),
  ]

  @Test func alignsRegions() throws {
    let boxes = try Tensor.f32([0, 0, 4, 4, 100, 100, 200, 200], [2, 4])
    try NodeRunner.expect(
      "RoiAlign", [image(), boxes, .i64([0, 0])], cells,
      gives: [.f32([2.5, 4.5, 10.5, 12.5, 0, 0, 0, 0], [2, 1, 2, 2])])
    try NodeRunner.expect(
      "RoiAlign", [image(), .f32([], [0, 4]), .i64([], [0])], cells,
      gives: [.f32([], [0, 1, 2, 2])])
    NodeRunner.expectRefusal(
      "RoiAlign", [try image(), boxes, try .i64([0, 1])], cells, code: .outOfRange)
    NodeRunner.expectRefusal(
      "RoiAlign", [try image(), boxes, try .i64([0])], cells, code: .shapeMismatch)
    // A box of any size is sampled no more finely than there are pixels.
    let huge = try Tensor.f32([0, 0, 1e30, 1e30, -.infinity, 0, .infinity, .nan], [2, 4])
    let y = try NodeRunner.run(
      "RoiAlign", [.tensor(image()), .tensor(huge), .tensor(.i64([0, 0]))])
    #expect(y[0].tensor?.shape == [2, 1, 1, 1])
  }

  @Test func poolsRegions() throws {
    let shape = [Attribute("pooled_shape", .ints([2, 2]))]
    let boxes = try Tensor.f32([0, 0, 0, 3, 3, 0, 1, 1, 1, 1, 0, 9, 9, 12, 12], [3, 5])
    try NodeRunner.expect(
      "MaxRoiPool", [image(), boxes], shape,
      gives: [.f32([5, 7, 13, 15, 5, 5, 5, 5, 0, 0, 0, 0], [3, 1, 2, 2])])
    NodeRunner.expectRefusal(
      "MaxRoiPool", [try image(), try .f32([1, 0, 0, 1, 1], [1, 5])], shape, code: .outOfRange)
    NodeRunner.expectRefusal(
      "MaxRoiPool", [try image(), boxes], [Attribute("pooled_shape", .ints([2]))],
      code: .invalidAttribute)
  }

  @Test func deformsConvolutions() throws {
    let kernel = try Tensor.f32([1, 1, 1, 1], [1, 1, 2, 2])
    let still = try Tensor.f32(Array(repeating: 0, count: 8 * 9), [1, 8, 3, 3])
    let plain = try NodeRunner.run("Conv", [.tensor(image()), .tensor(kernel)])
    try NodeRunner.expect(
      "DeformConv", opset: 22, [image(), kernel, still], gives: [#require(plain[0].tensor)])
    let away = try Tensor.f32(Array(repeating: 1e9, count: 8 * 9), [1, 8, 3, 3])
    try NodeRunner.expect(
      "DeformConv", opset: 22, [image(), kernel, away, .f32([7])],
      gives: [.f32(Array(repeating: 7, count: 9), [1, 1, 3, 3])])
    NodeRunner.expectRefusal(
      "DeformConv", opset: 22, [try image(), kernel, kernel], code: .shapeMismatch)
    NodeRunner.expectRefusal(
      "DeformConv", opset: 22, [try image(), kernel, still],
      [Attribute("offset_group", .int(0))], code: .invalidAttribute)
  }

  @Test func putsBlocksBack() throws {
    let x = try Tensor([Int32](repeating: 1, count: 16), shape: [1, 4, 4])
    try NodeRunner.expect(
      "Col2Im", [x, .i64([3, 3]), .i64([2, 2])],
      gives: [Tensor([Int32(1), 2, 1, 2, 4, 2, 1, 2, 1], shape: [1, 1, 3, 3])])
    NodeRunner.expectRefusal(
      "Col2Im", [x, try .i64([4, 4]), try .i64([2, 2])], code: .shapeMismatch)
    NodeRunner.expectRefusal("Col2Im", [x, try .i64([3, 3]), try .i64([2])], code: .shapeMismatch)
    NodeRunner.expectRefusal(
      "Col2Im", [x, try .i64([3, 3]), try .i64([0, 2])], code: .shapeMismatch)
  }

  @Test func mapsGrids() throws {
    let identity = try Tensor.f32([1, 0, 0, 0, 1, 0], [1, 2, 3])
    try NodeRunner.expect(
      "AffineGrid", [identity, .i64([1, 1, 1, 2])],
      gives: [.f32([-0.5, 0, 0.5, 0], [1, 1, 2, 2])])
    try NodeRunner.expect(
      "AffineGrid", [identity, .i64([1, 1, 0, 2])], gives: [.f32([], [1, 0, 2, 2])])
    NodeRunner.expectRefusal(
      "AffineGrid", [identity, try .i64([2, 1, 1, 2])], code: .shapeMismatch)
    NodeRunner.expectRefusal("AffineGrid", [identity, try .i64([1, 1, 2])], code: .shapeMismatch)
  }

  @Test func findsDeterminants() throws {
    try NodeRunner.expect(
      "Det", opset: 22, [.f32([0, 1, 1, 0, 2, 1, 4, 2], [2, 2, 2])], gives: [.f32([-1, 0])])
    try NodeRunner.expect("Det", opset: 22, [.f32([], [3, 0, 0])], gives: [.f32([1, 1, 1])])
    NodeRunner.expectRefusal("Det", opset: 22, [try .f32([1, 2], [1, 2])], code: .shapeMismatch)
  }
}
