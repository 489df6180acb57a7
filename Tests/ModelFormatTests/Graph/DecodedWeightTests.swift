import ModelFormat
import Synchronization
import Testing

@Suite struct DecodedWeightTests {
  /// Counts how often it is decoded.
  private final class Source: WeightSource {
    let count = Atomic(0)
    let isBroken: Bool
    var storedByteCount: Int { 8 }
    var encoding: String { "test" }

    init(isBroken: Bool = false) { self.isBroken = isBroken }

    func load() throws(ModelError) -> Tensor {
      if isBroken { throw ModelError(.corrupted, "no weight") }
      count.add(1, ordering: .relaxed)
      return try Tensor([Float(1), 2], shape: [2])
    }
  }

  @Test func isDecodedOnceUntilItIsReleased() throws {
    let source = Source()
    let weight = try Weight(.f32, shape: [2], source: source).decoded()
    let expected = try Tensor([Float(1), 2], shape: [2])
    #expect(try weight.tensor() == expected)
    #expect(try weight.decoded().tensor() == expected)
    #expect(source.count.load(ordering: .relaxed) == 1)
    weight.release()
    weight.release()
    #expect(try weight.tensor() == expected)
    #expect(try weight.tensor() == expected)
    #expect(source.count.load(ordering: .relaxed) == 2)
  }

  /// A damaged weight is refused when it is decoded first, not when it is needed.
  @Test func isDecodedAtOnce() {
    #expect(throws: ModelError.self) {
      try Weight(.f32, shape: [2], source: Source(isBroken: true)).decoded()
    }
  }

  /// Elements that are only in memory stay there.
  @Test func memoryIsNotReleased() throws {
    let tensor = try Tensor([Float(3)], shape: [1])
    let weight = try Weight(tensor).decoded()
    weight.release()
    #expect(try weight.tensor() == tensor)
  }
}
