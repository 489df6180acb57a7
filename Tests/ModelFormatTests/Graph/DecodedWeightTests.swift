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

  /// What is taken is nobody else's, and is decoded again for whoever asks next.
  @Test func canBeTaken() throws {
    let source = Source()
    let weight = try Weight(.f32, shape: [2], source: source).decoded()
    let expected = try Tensor([Float(1), 2], shape: [2])
    var taken = try weight.taken()
    #expect(taken == expected)
    #expect(try weight.tensor() == expected)
    #expect(source.count.load(ordering: .relaxed) == 2)
    guard var bytes = taken.takeBytes() else {
      Issue.record("no bytes")
      return
    }
    let isAlone = isKnownUniquelyReferenced(&bytes.buffer)
    #expect(isAlone)
    #expect(try Weight(expected).taken() == expected)
  }

  /// A page within a buffer can be given back while the rest is still read.
  @Test func bytesCanBeDiscarded() throws {
    let buffer = try TensorBuffer(byteCount: 40_000)
    buffer.base.initializeMemory(as: UInt8.self, repeating: 7, count: 40_000)
    buffer.discard(0..<20_000)
    buffer.discard(3..<5)
    let rest = UnsafeRawBufferPointer(start: buffer.base + 20_000, count: 20_000)
    #expect(rest.allSatisfy { $0 == 7 })
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
