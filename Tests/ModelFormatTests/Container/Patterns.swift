import ModelFormat

/// Numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Bytes of tensors, each of which wants another encoding.
enum Pattern: CaseIterable {
  case noise
  case zeros
  case ramp
  /// Words with a common upper byte, as trained floats have.
  case narrow
  case fewValues
  case mostlyZero

  func tensor(_ element: ElementType, count: Int, seed: UInt64 = 1) throws -> Tensor {
    var generator = SeededGenerator(seed: seed)
    let width = max(element.bitWidth / 8, 1)
    let palette = (0..<5).map { _ in generator.next() }
    return try Tensor(element, shape: [count]) { bytes in
      for start in stride(from: 0, to: bytes.count, by: width) {
        var word = self.word(start / width, palette, &generator)
        for index in start..<min(start + width, bytes.count) {
          bytes[index] = element == .bool ? UInt8(word & 1) : UInt8(truncatingIfNeeded: word)
          word >>= 8
          if self == .narrow, index == start + width - 1 {
            bytes[index] = element == .bool ? 1 : 0x3E
          }
        }
      }
    }
  }

  private func word(
    _ index: Int, _ palette: [UInt64], _ generator: inout SeededGenerator
  ) -> UInt64 {
    switch self {
    case .noise, .narrow: generator.next()
    case .zeros: 0
    case .ramp: UInt64(index)
    case .fewValues: palette[Int(generator.next() % 5)]
    case .mostlyZero: generator.next() % 10 == 0 ? generator.next() : 0
    }
  }
}
