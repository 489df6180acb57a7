import Foundation
import Testing
import ZooRuntime

/// What a program that embeds sessions counts on.
@Suite struct SessionUseTests {
  /// y = relu(x · w), w [4, 8] with column j = j - 3; n = the number of elements of y.
  static func model(_ weight: Tensor? = nil) throws -> Model {
    var model = Model()
    let x = model.addValue("x", type: .tensor(.f32, ["batch", 4]))
    let w = model.addValue("w")
    let (product, y, n) = (model.addValue("product"), model.addValue("y"), model.addValue("n"))
    var graph = Graph()
    graph.inputs = [x]
    graph.outputs = [y, n]
    let columns = (0..<32).map { Float($0 % 8) - 3 }
    graph.weights[w] = Weight(try weight ?? Tensor(columns, shape: [4, 8]))
    graph.nodes = [
      Node("MatMul", inputs: [x, w], outputs: [product]),
      Node("Relu", inputs: [product], outputs: [y]),
      Node("Size", inputs: [y], outputs: [n]),
    ]
    model.main = graph
    return model
  }

  static func input(batch: Int) throws -> Tensor {
    try Tensor((0..<batch * 4).map(Float.init), shape: [batch, 4])
  }

  static func expected(batch: Int) -> [Float] {
    (0..<batch * 8).map { index in
      let row = index / 8 * 4
      return max(0, Float(4 * row + 6) * (Float(index % 8) - 3))
    }
  }

  private func address(_ tensor: Tensor?) throws -> UnsafeRawPointer? {
    try tensor?.withBytes { $0.baseAddress }
  }

  @Test func takesInputsInOrder() throws {
    let session = try Session(Self.model())
    let out = try session.run([Self.input(batch: 3)])
    #expect(try out[0].array(of: Float.self) == Self.expected(batch: 3))
    #expect(try out[1].array(of: Int64.self) == [24])
    #expect(throws: ModelError.self) { try session.run([Tensor]()) }
    let input = try Self.input(batch: 1)
    do {
      _ = try session.run([input, input])
      Issue.record("two inputs were taken")
    } catch {
      #expect("\(error)" == "2 inputs; expected at most 1")
    }
  }

  /// An input with a default is a weight like any until somebody gives it.
  @Test func defaultsAreWeightsThatMayBeGiven() throws {
    var model = try Self.model()
    let w = model.main.nodes[0].inputs[1]!
    model.main.inputs.insert(w, at: 0)
    model.irVersion = 8
    let session = try Session(model)
    #expect(session.inputs.map(\.name) == ["w", "x"])
    #expect(session.inputs.map(\.isRequired) == [false, true])
    let x = try Self.input(batch: 2)
    let other = try Tensor((0..<32).map { Float($0 % 8) - 2 }, shape: [4, 8])
    let plain = Self.expected(batch: 2)
    let changed = (0..<16).map { index in
      let sum = Float(4 * (index / 8 * 4) + 6)
      return max(0, sum * (Float(index % 8) - 2))
    }
    for _ in 0..<2 {
      #expect(try session.run(["x": x])["y"]!.array(of: Float.self) == plain)
      #expect(try session.run(["x": x, "w": other])["y"]!.array(of: Float.self) == changed)
      #expect(try session.run([other, x])[0].array(of: Float.self) == changed)
    }
    #expect(session.model.main.inputs.count == 1)
    #expect(throws: ModelError.self) { try session.run(["w": other]) }
    #expect(throws: ModelError.self) { try session.run(["x": x, "w": x]) }
    do {
      _ = try session.run(["x": x, "v": x])
      Issue.record("an unknown input was taken")
    } catch {
      #expect(
        "\(error)"
          == "a value for 'v'; expected only the model's inputs: 'w', 'x'")
    }
  }

  @Test func writesOutputsAgainWhereTheyWere() throws {
    let session = try Session(Self.model())
    var results: [String: Tensor] = [:]
    try session.run(["x": Self.input(batch: 2)], reusing: &results)
    let first = try address(results["y"])
    try session.run(["x": Self.input(batch: 2)], reusing: &results)
    #expect(try address(results["y"]) == first)
    #expect(try results["y"]?.array(of: Float.self) == Self.expected(batch: 2))
    #expect(try results["n"]?.array(of: Int64.self) == [16])
  }

  @Test func leavesOutputsAloneThatSomebodyHas() throws {
    let session = try Session(Self.model())
    var results: [String: Tensor] = [:]
    try session.run(["x": Self.input(batch: 2)], reusing: &results)
    let kept = results["y"]
    try session.run(["x": Tensor.zeros(.f32, shape: [2, 4])], reusing: &results)
    #expect(try kept?.array(of: Float.self) == Self.expected(batch: 2))
    #expect(try results["y"]?.array(of: Float.self) == [Float](repeating: 0, count: 16))
    // An output that goes in again is somebody's, too.
    results["y"] = nil
    try session.run(["x": Self.input(batch: 5)], reusing: &results)
    #expect(results["y"]?.shape == [5, 8])
    #expect(try results["y"]?.array(of: Float.self) == Self.expected(batch: 5))
  }

  @Test func reusesNothingOfOtherTypesAndIsEmptyAfterAnError() throws {
    let session = try Session(Self.model())
    var results = ["y": try Tensor.zeros(.i32, shape: [2, 8]), "z": try Tensor(scalar: Float(1))]
    try session.run(["x": Self.input(batch: 2)], reusing: &results)
    #expect(Set(results.keys) == ["y", "n"])
    #expect(results["y"]?.elementType == .f32)
    #expect(throws: ModelError.self) {
      try session.run(["x": Tensor.zeros(.f32, shape: [2, 5])], reusing: &results)
    }
    #expect(results.isEmpty)
  }

  @Test func preparesForExtents() throws {
    let session = try Session(Self.model())
    #expect(session.idleMemory == 0)
    try session.prepare(extents: ["batch": 7])
    let prepared = session.idleMemory
    #expect(prepared > 0)
    try session.prepare(extents: ["batch": 7])
    #expect(try session.run([Self.input(batch: 7)])[0].array() == Self.expected(batch: 7))
    #expect(session.idleMemory == prepared)
    do {
      try session.prepare(extents: ["time": 1])
      Issue.record("a symbol that is not there was taken")
    } catch {
      #expect(
        "\(error)"
          == "an extent for 'time'; expected one for 'batch', an axis of an input, such as 'x.0'")
    }
  }

  @Test(arguments: [0, 20_000])
  func keepsNoMoreThanItMay(limit: Int) throws {
    var options = Session.Options()
    options.idleMemory = limit
    let session = try Session(SessionStressTests.chain(), options: options)
    var largest = 0
    for batch in 1...60 {
      let x = try Tensor([Float](repeating: 2, count: batch * 16), shape: [batch, 16])
      let before = session.idleMemory
      _ = try session.run([x])
      largest = max(largest, session.idleMemory - before)
      #expect(session.idleMemory <= max(limit, largest))
      #expect(session.idleMemory > 0)
    }
    session.releaseIdleMemory()
    #expect(session.idleMemory == 0)
    let x = try Tensor([Float](repeating: 2, count: 16), shape: [1, 16])
    #expect(try session.run([x])[0].shape == [1, 16])
  }

  @Test func readsModelsInMemory() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).zoo").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Self.model().write(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let session = try Session(bytes: bytes)
    #expect(try session.run([Self.input(batch: 1)])[0].array() == Self.expected(batch: 1))

    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 128, alignment: 64)
    defer { room.deallocate() }
    room.copyBytes(from: bytes)
    let whole = UnsafeRawBufferPointer(rebasing: room[..<bytes.count])
    let viewing = try Session(Model(MappedFile(viewing: whole, owner: nil)))
    #expect(try viewing.run([Self.input(batch: 1)])[0].array() == Self.expected(batch: 1))
    let odd = UnsafeRawBufferPointer(rebasing: room[8..<64])
    #expect(throws: ModelError.self) { try MappedFile(viewing: odd, owner: nil) }
  }

  private final class Token {}

  /// A session that nobody has any more keeps nothing in memory, its plans included.
  @Test func letsWeightsGo() throws {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: 256)
    weak var owner: Token?
    do {
      let token = Token()
      owner = token
      let buffer = TensorBuffer(viewing: memory, byteCount: 128, owner: token)
      let weight = try Tensor(.f32, shape: [4, 8], sharing: buffer)
      var options = Session.Options()
      options.optimizes = false
      let session = try Session(Self.model(weight), options: options)
      _ = try session.run([Self.input(batch: 1)])
    }
    #expect(owner == nil)
  }
}
