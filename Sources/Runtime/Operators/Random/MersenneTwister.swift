import LibC

/// The generator MT19937 of Matsumoto and Nishimura, "Mersenne Twister", 1998, which NumPy's `RandomState` uses too.
struct MersenneTwister {
  private var state = [UInt32](repeating: 0, count: 624)
  private var position = 624
  private var spareNormal: Double?

  init(seed: UInt32) {
    state[0] = seed
    for index in 1..<624 {
      let last = state[index - 1]
      state[index] = 1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index)
    }
  }

  mutating func next() -> UInt32 {
    if position == 624 { twist() }
    var word = state[position]
    position += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C_5680
    word ^= (word << 15) & 0xEFC6_0000
    return word ^ (word >> 18)
  }

  private mutating func twist() {
    for index in 0..<624 {
      let word = (state[index] & 0x8000_0000) | (state[(index + 1) % 624] & 0x7FFF_FFFF)
      state[index] = state[(index + 397) % 624] ^ (word >> 1) ^ (word & 1 == 0 ? 0 : 0x9908_B0DF)
    }
    position = 0
  }

  /// A number in 0 ..< 1 with 53 random bits.
  mutating func uniform() -> Double {
    let high = Double(next() >> 5)
    let low = Double(next() >> 6)
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  /// A number of the standard normal distribution, by Marsaglia's polar method.
  mutating func normal() -> Double {
    if let spare = spareNormal {
      spareNormal = nil
      return spare
    }
    while true {
      let (a, b) = (2 * uniform() - 1, 2 * uniform() - 1)
      let square = a * a + b * b
      guard square < 1, square > 0 else { continue }
      let factor = (-2 * Elementary.log(square) / square).squareRoot()
      spareNormal = a * factor
      return b * factor
    }
  }
}

/// Elementary functions of one `Double`, from the system's library.
enum Elementary {
  static func log(_ x: Double) -> Double {
    #if canImport(Glibc)
      Glibc.log(x)
    #elseif canImport(Musl)
      Musl.log(x)
    #else
      Darwin.log(x)
    #endif
  }
  static func pow(_ x: Double, _ y: Double) -> Double {
    #if canImport(Glibc)
      Glibc.pow(x, y)
    #elseif canImport(Musl)
      Musl.pow(x, y)
    #else
      Darwin.pow(x, y)
    #endif
  }
  static func exp(_ x: Double) -> Double {
    #if canImport(Glibc)
      Glibc.exp(x)
    #elseif canImport(Musl)
      Musl.exp(x)
    #else
      Darwin.exp(x)
    #endif
  }
}
