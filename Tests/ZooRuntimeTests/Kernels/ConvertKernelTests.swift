import CKernels
import ModelFormat
import Testing

@Suite struct ConvertKernelTests {
  @Test(arguments: instructionSets)
  func everyHalfFloatWidens(isa: InstructionSet) {
    let codes = (0...UInt16.max).map { $0 }
    var wide = [Float](repeating: 0, count: codes.count)
    isa.kernels.f16_to_f32(codes, &wide, codes.count)
    for (code, value) in zip(codes, wide) {
      let want = Float(Float16(bitPattern: code))
      if value.bitPattern != want.bitPattern, !(value.isNaN && want.isNaN) {
        Issue.record("\(code): \(value), want \(want)")
        return
      }
    }
    isa.kernels.bf16_to_f32(codes, &wide, codes.count)
    #expect(zip(codes, wide).allSatisfy { $1.bitPattern == UInt32($0) << 16 })
  }

  @Test(arguments: instructionSets)
  func floatsNarrowToTheNearest(isa: InstructionSet) {
    var noise = Noise(seed: 14)
    let x =
      [
        0, -0, 65504, 65519.99, 65520, -70000, 6e-8, 2.9e-8, .infinity, -.infinity, .nan, 0x1p-133,
        3.4e38,
      ]
      + (0..<4000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: noise.next())) }
      + noise.floats(3000, in: -70000...70000) + noise.floats(1001, in: -1e-4...1e-4)
    var half = [UInt16](repeating: 0, count: x.count)
    isa.kernels.f32_to_f16(x, &half, x.count)
    var brain = half
    isa.kernels.f32_to_bf16(x, &brain, x.count)
    for i in x.indices {
      let (h, b) = (Float16(bitPattern: half[i]), BFloat16(bits: brain[i]))
      if x[i].isNaN ? !h.isNaN : h.bitPattern != Float16(x[i]).bitPattern {
        Issue.record("f16 of \(x[i]): \(h)")
      }
      if x[i].isNaN ? !b.float.isNaN : b != BFloat16(x[i]) {
        Issue.record("bf16 of \(x[i]): \(b.float)")
      }
    }
  }

  @Test(arguments: instructionSets, [0, 1, 15, 16, 17, 200])
  func quantizationIsExact(isa: InstructionSet, n: Int) {
    var noise = Noise(seed: 15)
    let x = noise.floats(n, in: -9...9) + [.nan, .infinity, -.infinity, 0.25, 0.75, -0.25, 1e30]
    let scale: Float = 0.5
    func code(_ v: Float, _ zero: Float, _ range: ClosedRange<Float>) -> Int {
      let rounded = v.isNaN ? 0 : (v / scale).rounded(.toNearestOrEven)
      return Int(min(max(rounded + zero, range.lowerBound), range.upperBound))
    }
    var unsigned = [UInt8](repeating: 0, count: x.count)
    isa.kernels.quantize_u8(x, &unsigned, x.count, scale, 7)
    #expect(unsigned.map(Int.init) == x.map { code($0, 7, 0...255) })
    var signed = [Int8](repeating: 0, count: x.count)
    isa.kernels.quantize_s8(x, &signed, x.count, scale, -3)
    #expect(signed.map(Int.init) == x.map { code($0, -3, -128...127) })
    var back = [Float](repeating: 0, count: x.count)
    isa.kernels.dequantize_u8(unsigned, &back, x.count, scale, 7)
    #expect(back == unsigned.map { (Float($0) - 7) * scale })
    isa.kernels.dequantize_s8(signed, &back, x.count, scale, -3)
    #expect(back == signed.map { (Float($0) + 3) * scale })
  }

  @Test func castsTruncateAndWrap() {
    let x: [Double] = [1.9, -1.9, 300, -1, .nan, 1e300]
    var bytes = [UInt8](repeating: 0, count: x.count)
    zoo_cast(x, zoo_f64, &bytes, zoo_u8, x.count)
    #expect(bytes == [1, 255, 44, 255, 0, 0])
    var flags = bytes
    zoo_cast(x, zoo_f64, &flags, zoo_bool, x.count)
    #expect(flags == [1, 1, 1, 1, 1, 1])
    // 1 + 2⁻¹¹ + 2⁻⁴⁰ must not be rounded twice.
    var half: [UInt16] = [0]
    zoo_cast([1 + 0x1p-11 + 0x1p-40], zoo_f64, &half, zoo_f16, 1)
    #expect(Float16(bitPattern: half[0]) == 1 + 0x1p-10)
  }
}
