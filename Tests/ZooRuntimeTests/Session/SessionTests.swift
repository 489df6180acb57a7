import Foundation
import Testing
import ZooRuntime

@Suite struct SessionTests {
  /// y = x reshaped to [-1, 2]; s = the extents of y.
  private func reshapeModel() throws -> Model {
    var model = Model()
    let x = model.addValue("x", type: .tensor(.f32, ["batch", 4]))
    let target = model.addValue("target")
    let y = model.addValue("y")
    let s = model.addValue("s")
    var graph = Graph()
    graph.inputs = [x]
    graph.outputs = [y, s]
    graph.weights[target] = Weight(try Tensor([Int64(-1), 2], shape: [2]))
    graph.nodes = [
      Node("Reshape", name: "split", inputs: [x, target], outputs: [y]),
      Node("Shape", inputs: [y], outputs: [s]),
    ]
    model.main = graph
    return model
  }

  @Test(arguments: [true, false], [0, 1, 3])
  func runsWithAnyBatch(optimizes: Bool, batch: Int) throws {
    var options = Session.Options()
    options.optimizes = optimizes
    let session = try Session(reshapeModel(), options: options)
    let values = (0..<batch * 4).map(Float.init)
    let out = try session.run(["x": Tensor(values, shape: [batch, 4])])
    #expect(out["y"]?.shape == [batch * 2, 2])
    #expect(try out["y"]?.array(of: Float.self) == values)
    #expect(try out["s"]?.array(of: Int64.self) == [Int64(batch * 2), 2])
  }

  @Test func infersSymbols() throws {
    let session = try Session(reshapeModel())
    #expect(session.outputs[0].type?.description == "f32 [2*batch, 2]")
  }

  @Test func refusesWrongInputs() throws {
    let session = try Session(reshapeModel())
    let long = try Tensor([Float](repeating: 0, count: 5), shape: [1, 5])
    #expect(throws: ModelError.self) { try session.run(["x": long]) }
    do { _ = try session.run(["x": long]) } catch {
      #expect("\(error)" == "input 'x': a tensor f32 [1, 5]; expected f32 [batch, 4]")
    }
    do { _ = try session.run([:]) } catch {
      #expect("\(error)" == "no value for input 'x'; expected f32 [batch, 4]")
    }
  }

  @Test func namesAllMissingOperatorsAtOnce() throws {
    var model = try reshapeModel()
    model.main.nodes[0].opType = "Frobnicate"
    model.main.nodes[1].opType = "Twiddle"
    do {
      _ = try Session(model)
      Issue.record("a model with unknown operators was taken")
    } catch {
      #expect(error.code == .unsupportedOperator)
      #expect(
        "\(error)".hasPrefix(
          "2 operators that this runtime does not have: Frobnicate, opset 21, at node #0 'split'; "
            + "Twiddle, opset 21, at node #1"))
    }
  }

  /// Planning a chain takes time that grows with its length, not with the length's square.
  @Test func longChains() throws {
    var model = Model()
    var graph = Graph()
    let first = model.addValue("x", type: .tensor(.f32, ["n"]))
    graph.inputs = [first]
    var last = first
    for index in 0..<5_000 {
      let next = model.addValue("v\(index)")
      graph.nodes.append(Node(index % 2 == 0 ? "Neg" : "Abs", inputs: [last], outputs: [next]))
      last = next
    }
    graph.outputs = [last]
    model.main = graph
    let session = try Session(model)
    let output = try session.run(["x": .f32([3, -4])])["v4999"]
    #expect(output == (try .f32([3, 4])))
    #expect(try session.planReport(extents: ["n": 1000]).arenaBytes <= 3 * 4096)
  }

  /// A weight that leaves the memory once it is packed is there again for extents that want another layout.
  @Test func weightsForSeveralLayouts() throws {
    let weights: [Float] = (0..<360).map { index in Float(index % 11) / 8 - 0.5 }
    var model = Model()
    var graph = Graph()
    let x = model.addValue("x", type: .tensor(.f32, [1, 6, "n"]))
    let w = model.addValue("w")
    let y = model.addValue("y")
    let z = model.addValue("z")
    graph.weights[w] = Weight(try Tensor(weights, shape: [20, 6, 3]))
    graph.inputs = [x]
    graph.nodes = [
      Node("Conv", inputs: [x, w], outputs: [y]),
      Node("Shape", inputs: [w], outputs: [z]),
    ]
    graph.outputs = [y, z]
    model.main = graph
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).zoo").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.write(to: path)
    let read = try Model(contentsOf: path)
    let session = try Session(read)
    var plain = Session.Options()
    plain.optimizes = false
    for extent in [4, 300, 5, 3] {
      let data: [Float] = (0..<6 * extent).map { index in Float(index % 7) - 3 }
      let input = ["x": try Tensor(data, shape: [1, 6, extent])]
      let got = try session.run(input)
      let want = try Session(read, options: plain).run(input)
      #expect(got["z"] == want["z"])
      let pairs = zip(
        try got["y"]!.array(of: Float.self), try want["y"]!.array(of: Float.self))
      #expect(pairs.allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }

  /// Constants that were computed leave the memory once they are packed, and are computed again for another layout; one
  /// that is an output as well stays.
  @Test(arguments: [false, true])
  func computedWeightsForSeveralLayouts(isOutput: Bool) throws {
    let codes = (0..<16384).map { Int8(truncatingIfNeeded: $0 % 251) }
    var model = Model()
    var graph = Graph()
    let x = model.addValue("x", type: .tensor(.f32, [1, 64, "n"]))
    let (q, s) = (model.addValue("q"), model.addValue("s"))
    let (f, w, y) = (model.addValue("f"), model.addValue("w"), model.addValue("y"))
    graph.weights[q] = Weight(try Tensor(codes, shape: [64, 64, 4]))
    graph.weights[s] = Weight(try Tensor([Float(0.01)], shape: []))
    graph.inputs = [x]
    graph.nodes = [
      Node("Cast", inputs: [q], outputs: [f], attributes: [Attribute("to", .int(1))]),
      Node("Mul", inputs: [f, s], outputs: [w]),
      Node("Conv", inputs: [x, w], outputs: [y]),
    ]
    graph.outputs = isOutput ? [y, w] : [y]
    model.main = graph
    let session = try Session(model)
    #expect(!session.model.main.nodes.contains { ["Cast", "Mul"].contains($0.opType) })
    var plain = Session.Options()
    plain.optimizes = false
    for extent in [4, 300, 5] {
      let data = (0..<64 * extent).map { Float($0 % 7) - 3 }
      let input = ["x": try Tensor(data, shape: [1, 64, extent])]
      let got = try session.run(input)
      let want = try Session(model, options: plain).run(input)
      if isOutput { #expect(got["w"] == want["w"]) }
      let pairs = zip(
        try got["y"]!.array(of: Float.self), try want["y"]!.array(of: Float.self))
      #expect(pairs.allSatisfy { abs($0 - $1) < 1e-2 })
    }
  }
}
