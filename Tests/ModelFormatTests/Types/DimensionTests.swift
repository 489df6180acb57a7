import ModelFormat
import Testing

@Suite struct DimensionTests {
  private static let s = Dimension.symbol("s")

  static let quotients: [(Dimension, Dimension, String)] = [
    (s * 6, s * -3, "-2"), (s * 6, s * 4, "6*s/4*s"), (s * .fixed(.min), s * .fixed(.min), "1"),
    // The one quotient of two numbers that is none.
    (s * .fixed(.min), s * -1, "-9223372036854775808*s/-s"),
    (s * .fixed(.min), -1, "-9223372036854775808*s/-1"),
    (.fixed(.min), -1, "?"), (s, 0, "?"),
  ]

  @Test(arguments: quotients)
  func division(a: Dimension, b: Dimension, quotient: String) {
    #expect((a / b).description == quotient)
  }
}
