import LibC

extension Double {
  /// e to the power of this number.
  var exponential: Double { exp(self) }
}
