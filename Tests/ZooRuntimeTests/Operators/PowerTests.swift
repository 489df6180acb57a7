import Testing
import ZooRuntime

/// Powers whose exponents the type of the base cannot hold: whether they are odd decides over the sign.
@Suite struct PowerTests {
  @Test func largeExponentsOfFloats() throws {
    let base = try Tensor.f32([-1, -1, 1])
    try NodeRunner.expect(
      "Pow", [base, Tensor([Int32(16_777_217), 16_777_216, 16_777_217], shape: [3])],
      gives: [.f32([-1, 1, 1])])
    try NodeRunner.expect(
      "Pow", [base, .i64([(1 << 31) + 1, 1 << 40, 3])], gives: [.f32([-1, 1, 1])])
  }

  @Test func largeExponentsOfIntegers() throws {
    let base = try Tensor([Int32(-1), 3, -3], shape: [3])
    try NodeRunner.expect(
      "Pow", [base, .i64([(1 << 32) + 1, 2, 3])],
      gives: [Tensor([Int32(-1), 9, -27], shape: [3])])
    try NodeRunner.expect(
      "Pow", [base, Tensor([UInt32.max, 2, 3], shape: [3])],
      gives: [Tensor([Int32(-1), 9, -27], shape: [3])])
    try NodeRunner.expect(
      "Pow", [Tensor([Int8(-1), 2, 5], shape: [3]), Tensor([UInt64.max, 6, 2], shape: [3])],
      gives: [Tensor([Int8(-1), 64, 25], shape: [3])])
  }
}
