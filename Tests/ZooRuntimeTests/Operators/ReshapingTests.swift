import Testing
import ZooRuntime

@Suite struct ReshapingTests {
  @Test func cropsAndPadsAroundTheMiddle() throws {
    try NodeRunner.expect(
      "CenterCropPad", [.counting([2, 5]), .i64([3, 2])],
      gives: [.f32([1, 2, 6, 7, 0, 0], [3, 2])])
    try NodeRunner.expect(
      "CenterCropPad", [.counting([2]), .i64([5])], gives: [.f32([0, 0, 1, 0, 0])])
  }

  @Test func castsBits() throws {
    try NodeRunner.expect(
      "BitCast", opset: 26, [.f32([1, -0.0])], [Attribute("to", .int(6))],
      gives: [Tensor([Int32(0x3F80_0000), Int32.min], shape: [2])])
    NodeRunner.expectRefusal(
      "BitCast", opset: 26, [try .f32([1])], [Attribute("to", .int(7))],
      code: .elementTypeMismatch)
  }

  @Test func findsUniqueElements() throws {
    let x = try Tensor.f32([2, 1, 1, 3, 4, 3])
    try NodeRunner.expect(
      "Unique", [x],
      gives: [
        .f32([1, 2, 3, 4]), .i64([1, 0, 3, 4]), .i64([1, 0, 0, 2, 3, 2]), .i64([2, 1, 2, 1]),
      ])
    try NodeRunner.expect(
      "Unique", [x], [Attribute("sorted", .int(0))], gives: [.f32([2, 1, 3, 4])])
    try NodeRunner.expect(
      "Unique", [.f32([1, 0, 1, 0, 2, 3], [3, 2])], [Attribute("axis", .int(0))],
      gives: [.f32([1, 0, 2, 3], [2, 2])])
  }

  @Test func makesWindows() throws {
    try NodeRunner.expect(
      "HannWindow", [Tensor(scalar: Int64(4))], gives: [.f32([0, 0.5, 1, 0.5])])
  }
}
