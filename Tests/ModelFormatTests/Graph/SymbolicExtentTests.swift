import ModelFormat
import Testing

struct SymbolicExtentTests {
  private let s = Dimension.symbol("s")

  @Test func arithmetic() {
    #expect((s * s + 2 * s - 1).description == "2*s + s*s - 1")
    #expect((s * 6) / (s * 2) == 3)
    #expect(((s + 1) / 2).description == "(s + 1)/2")
  }

  /// Squared forty times a name would be written 2⁴⁰ times.
  @Test func squaresStop() {
    var power = s
    for _ in 0..<40 where power != .unknown { power = power * power }
    #expect(power == .unknown)
  }

  @Test(arguments: [255, 256, 257])
  func sumsOfManyNamesStop(count: Int) {
    let sum = (0..<count).reduce(Dimension.fixed(0)) { $0 + .symbol("s\($1)") }
    #expect((sum == .unknown) == (count > 256))
  }

  /// Each quotient would name the last one twice.
  @Test func nestedQuotientsStop() {
    var quotient = s
    for _ in 0..<40 where quotient != .unknown { quotient = quotient / (quotient + 1) }
    #expect(quotient == .unknown)
  }

  @Test func longNamesAreNotRepeated() {
    let long = Dimension.symbol(String(repeating: "n", count: 2000))
    #expect(long / 2 == .unknown)
    #expect((long * 2).description.utf8.count == 2002)
  }
}
