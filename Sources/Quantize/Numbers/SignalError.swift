import LibC

/// How far numbers are from what they should be, gathered element by element.
public struct SignalError: Sendable, Hashable {
  public private(set) var count = 0
  /// Σ want²
  public private(set) var signal = 0.0
  /// Σ (got − want)²
  public private(set) var noise = 0.0
  /// Σ got²
  private var power = 0.0
  /// Σ got · want
  private var product = 0.0
  /// max |got − want|
  public private(set) var largest = 0.0

  public init() {}

  @inline(__always)
  public mutating func add(_ want: Float, got: Float) {
    let (w, g) = (Double(want), Double(got))
    let difference = g - w
    count += 1
    signal += w * w
    noise += difference * difference
    power += g * g
    product += g * w
    if abs(difference) > largest { largest = abs(difference) }
  }

  /// 10 · log₁₀(signal / noise) in decibels; infinite if there is no noise.
  public var decibels: Double {
    noise == 0 ? .infinity : 10 * log10(signal / noise)
  }

  /// √(noise / signal): 0 if there is no noise.
  public var relative: Double {
    noise == 0 ? 0 : (noise / signal).squareRoot()
  }

  /// The cosine of the angle between both, taken as vectors; 1 if both are 0.
  public var cosine: Double {
    if signal == 0 && power == 0 { return 1 }
    return signal == 0 || power == 0 ? 0 : product / (signal * power).squareRoot()
  }
}

extension SignalError {
  static func decibels(ofRelativeNoise ratio: Double) -> Double {
    ratio == 0 ? .infinity : -10 * log10(ratio)
  }
}
