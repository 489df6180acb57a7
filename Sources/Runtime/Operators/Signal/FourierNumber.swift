import LibC

/// A complex number.
struct FourierNumber<T: FloatElement>: BitwiseCopyable, Sendable {
  var real: T
  var imaginary: T

  @inline(__always) init(_ real: T, _ imaginary: T) {
    self.real = real
    self.imaginary = imaginary
  }

  /// `e^(2πi·turn)`
  init(turn: Double) {
    self.init(T(cos(2 * Double.pi * turn)), T(sin(2 * Double.pi * turn)))
  }

  @inline(__always) var conjugate: Self { Self(real, -imaginary) }
  @inline(__always) var timesMinusI: Self { Self(imaginary, -real) }

  @inline(__always) func scaled(_ factor: T) -> Self { Self(real * factor, imaginary * factor) }

  @inline(__always) static func + (a: Self, b: Self) -> Self {
    Self(a.real + b.real, a.imaginary + b.imaginary)
  }

  @inline(__always) static func - (a: Self, b: Self) -> Self {
    Self(a.real - b.real, a.imaginary - b.imaginary)
  }

  @inline(__always) static func * (a: Self, b: Self) -> Self {
    Self(a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real)
  }
}
