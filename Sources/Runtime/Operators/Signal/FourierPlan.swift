/// The discrete Fourier transform of one length: `X[k] = Σₙ x[n]·e^(−2πi·kn/N)`.
///
/// Lengths whose prime factors are small are split into them, one pass over all numbers for each factor (Cooley and
/// Tukey, 1965; in the order of Swarztrauber's FFTPACK, 1982, which sorts as it goes); all others become a convolution
/// whose length is a power of two (Bluestein, 1970). Either takes O(N·log N).
struct FourierPlan<T: FloatElement>: Sendable {
  typealias Number = FourierNumber<T>

  /// The greatest factor that is transformed as it is, in O(factor²).
  private static var greatestRadix: Int { 31 }
  /// The greatest length; its tables take 1 GB.
  private static var greatestLength: Int { 1 << 26 }

  let length: Int
  private let radices: [Int]
  /// `e^(−2πi·k/N)`
  private let roots: [Number]
  private let convolution: FourierConvolution<T>?

  /// - Throws: `.limitExceeded` for lengths whose tables would be too large.
  init(_ length: Int) throws(ModelError) {
    guard length <= Self.greatestLength else {
      throw ModelError(
        .limitExceeded, "a Fourier transform of \(length) elements",
        expected: "at most \(Self.greatestLength)")
    }
    self.length = length
    let factors = Self.factors(length)
    if (factors.max() ?? 1) > Self.greatestRadix {
      (radices, roots) = ([], [])
      convolution = try FourierConvolution(length)
    } else {
      radices = factors
      roots = (0..<length).map { Number(turn: -Double($0) / Double(length)) }
      convolution = nil
    }
  }

  /// Factors of a length: 2 at the front if there is an odd one, fours, then odd primes.
  private static func factors(_ length: Int) -> [Int] {
    var (rest, factors): (Int, [Int]) = (max(length, 1), [])
    while rest % 4 == 0 {
      factors.append(4)
      rest /= 4
    }
    if rest % 2 == 0 {
      factors.insert(2, at: 0)
      rest /= 2
    }
    var factor = 3
    while rest > 1 {
      if factor * factor > rest { factor = rest }
      while rest % factor == 0 {
        factors.append(factor)
        rest /= factor
      }
      factor += 2
    }
    return factors
  }

  /// Numbers of scratch memory that `transform` needs.
  var scratchCount: Int { convolution?.scratchCount ?? length }

  /// Transforms `length` numbers in place.
  func transform(_ line: UnsafeMutablePointer<Number>, _ scratch: UnsafeMutablePointer<Number>) {
    if let convolution { return convolution.transform(line, scratch) }
    var (from, to) = (line, scratch)
    var done = 1
    for radix in radices {
      pass(radix, done, from, to)
      done *= radix
      swap(&from, &to)
    }
    if from != line { line.update(from: from, count: length) }
  }

  /// One pass: `done` is the product of the radices before.
  private func pass(
    _ radix: Int, _ done: Int, _ from: UnsafePointer<Number>, _ to: UnsafeMutablePointer<Number>
  ) {
    let inner = length / (done * radix)
    roots.withUnsafeBufferPointer { roots in
      guard let roots = roots.baseAddress else { return }
      switch radix {
      case 2: pass2(done, inner, from, to, roots)
      case 3: pass3(done, inner, from, to, roots)
      case 4: pass4(done, inner, from, to, roots)
      case 5: pass5(done, inner, from, to, roots)
      default: passAny(radix, done, inner, from, to, roots)
      }
    }
  }

  private func pass2(
    _ done: Int, _ inner: Int, _ from: UnsafePointer<Number>,
    _ to: UnsafeMutablePointer<Number>, _ roots: UnsafePointer<Number>
  ) {
    for k in 0..<done {
      let (x, y) = (from + 2 * k * inner, to + k * inner)
      let step = done * inner
      for i in 0..<inner {
        let (a, b) = (x[i], x[i + inner])
        y[i] = a + b
        y[i + step] = i == 0 ? a - b : (a - b) * roots[i * done]
      }
    }
  }

  private func pass3(
    _ done: Int, _ inner: Int, _ from: UnsafePointer<Number>,
    _ to: UnsafeMutablePointer<Number>, _ roots: UnsafePointer<Number>
  ) {
    let third = Number(turn: -1.0 / 3)
    let step = done * inner
    for k in 0..<done {
      let (x, y) = (from + 3 * k * inner, to + k * inner)
      for i in 0..<inner {
        let (a, b, c) = (x[i], x[i + inner], x[i + 2 * inner])
        let (sum, difference) = (b + c, b - c)
        let middle = a + sum.scaled(third.real)
        let side = difference.scaled(-third.imaginary).timesMinusI
        y[i] = a + sum
        y[i + step] = (middle + side) * roots[i * done]
        y[i + 2 * step] = (middle - side) * roots[2 * i * done]
      }
    }
  }

  private func pass4(
    _ done: Int, _ inner: Int, _ from: UnsafePointer<Number>,
    _ to: UnsafeMutablePointer<Number>, _ roots: UnsafePointer<Number>
  ) {
    let step = done * inner
    for k in 0..<done {
      let (x, y) = (from + 4 * k * inner, to + k * inner)
      for i in 0..<inner {
        let (a, b, c, d) = (x[i], x[i + inner], x[i + 2 * inner], x[i + 3 * inner])
        let (even, odd) = (a + c, b + d)
        let (first, second) = (a - c, (b - d).timesMinusI)
        y[i] = even + odd
        y[i + step] = (first + second) * roots[i * done]
        y[i + 2 * step] = (even - odd) * roots[2 * i * done]
        y[i + 3 * step] = (first - second) * roots[3 * i * done]
      }
    }
  }

  private func pass5(
    _ done: Int, _ inner: Int, _ from: UnsafePointer<Number>,
    _ to: UnsafeMutablePointer<Number>, _ roots: UnsafePointer<Number>
  ) {
    let (one, two) = (Number(turn: -1.0 / 5), Number(turn: -2.0 / 5))
    let step = done * inner
    for k in 0..<done {
      let (x, y) = (from + 5 * k * inner, to + k * inner)
      for i in 0..<inner {
        let a = x[i]
        let (b, e) = (x[i + inner] + x[i + 4 * inner], x[i + inner] - x[i + 4 * inner])
        let (c, d) = (x[i + 2 * inner] + x[i + 3 * inner], x[i + 2 * inner] - x[i + 3 * inner])
        let first = a + b.scaled(one.real) + c.scaled(two.real)
        let second = a + b.scaled(two.real) + c.scaled(one.real)
        let firstSide = (e.scaled(-one.imaginary) + d.scaled(-two.imaginary)).timesMinusI
        let secondSide = (e.scaled(-two.imaginary) + d.scaled(one.imaginary)).timesMinusI
        y[i] = a + b + c
        y[i + step] = (first + firstSide) * roots[i * done]
        y[i + 2 * step] = (second + secondSide) * roots[2 * i * done]
        y[i + 3 * step] = (second - secondSide) * roots[3 * i * done]
        y[i + 4 * step] = (first - firstSide) * roots[4 * i * done]
      }
    }
  }

  private func passAny(
    _ radix: Int, _ done: Int, _ inner: Int, _ from: UnsafePointer<Number>,
    _ to: UnsafeMutablePointer<Number>, _ roots: UnsafePointer<Number>
  ) {
    let turn = length / radix
    for k in 0..<done {
      let (x, y) = (from + radix * k * inner, to + k * inner)
      for i in 0..<inner {
        for q in 0..<radix {
          var sum = x[i]
          var at = 0
          for j in 1..<radix {
            at += q
            if at >= radix { at -= radix }
            sum = sum + x[i + j * inner] * roots[at * turn]
          }
          y[i + q * done * inner] = sum * roots[q * i * done]
        }
      }
    }
  }
}

/// A transform as a convolution with a chirp.
struct FourierConvolution<T: FloatElement>: Sendable {
  typealias Number = FourierNumber<T>

  private let length: Int
  private let size: Int
  /// One plan, of a power of two; a list because a structure cannot hold its like.
  private let inner: [FourierPlan<T>]
  /// `e^(−πi·k²/N)`
  private let chirp: [Number]
  /// The transform of the chirp's conjugate, laid round a circle.
  private let filter: [Number]

  init(_ length: Int) throws(ModelError) {
    self.length = length
    var size = 1
    while size < 2 * length - 1 { size *= 2 }
    self.size = size
    let plan = try FourierPlan<T>(size)
    inner = [plan]
    let chirp = (0..<length).map { k in
      // k² modulo 2N keeps the angle exact.
      Number(turn: -Double(k * k % (2 * length)) / Double(2 * length))
    }
    self.chirp = chirp
    var circle = [Number](repeating: Number(0, 0), count: 2 * size)
    for k in 0..<length {
      circle[k] = chirp[k].conjugate
      circle[(size - k) % size] = chirp[k].conjugate
    }
    circle.withUnsafeMutableBufferPointer { numbers in
      guard let line = numbers.baseAddress else { return }
      plan.transform(line, line + size)
    }
    filter = Array(circle.prefix(size))
  }

  var scratchCount: Int { 2 * size }

  func transform(_ line: UnsafeMutablePointer<Number>, _ scratch: UnsafeMutablePointer<Number>) {
    let plan = inner[0]
    for k in 0..<length { scratch[k] = line[k] * chirp[k] }
    (scratch + length).update(repeating: Number(0, 0), count: size - length)
    plan.transform(scratch, scratch + size)
    // The inverse transform is the conjugate of the conjugate's transform.
    for k in 0..<size { scratch[k] = (scratch[k] * filter[k]).conjugate }
    plan.transform(scratch, scratch + size)
    let scale = 1 / T(size)
    for k in 0..<length { line[k] = scratch[k].conjugate.scaled(scale) * chirp[k] }
  }
}
