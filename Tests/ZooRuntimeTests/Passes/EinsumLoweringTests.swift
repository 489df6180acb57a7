import ModelFormat
import Testing
import ZooRuntime

@Suite struct EinsumLoweringTests {
  private static let extents: [Character: Int] = [
    "a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "f": 7,
  ]

  private func session(
    _ equation: String, _ shapes: [[Int]], optimizes: Bool
  ) throws -> Session {
    var model = Model(opsets: [OpsetImport("", 17)])
    var graph = Graph()
    for (index, shape) in shapes.enumerated() {
      graph.inputs.append(model.addValue("x\(index)", type: .tensor(.f32, Shape(shape))))
    }
    let output = model.addValue("y")
    graph.nodes = [
      Node(
        "Einsum", inputs: graph.inputs, outputs: [output],
        attributes: [Attribute("equation", .string(equation))])
    ]
    graph.outputs = [output]
    model.main = graph
    var options = Session.Options()
    options.optimizes = optimizes
    return try Session(model, options: options)
  }

  private func shapes(_ equation: String) -> [[Int]] {
    let left = equation.split(separator: "-")[0]
    return left.split(separator: ",").map { term in
      term.filter { $0 != " " }.map { Self.extents[$0] ?? 1 }
    }
  }

  @Test(arguments: [
    "ab,bc->ac", "ab,bc", "ba,bc->ac", "ab,cb->ca", "abc,acd->abd", "bacd,bedc->bcea",
    "abcd,abed->abce", "ab,b->a", "b,bc->c", "a,a->", "abc,cde->abde", "abcd,cde->abe",
    "acbd,cde->aeb", "abc,bcd->ad", "a bc , a c d -> a b d",
  ])
  func equations(equation: String) throws {
    let shapes = shapes(equation)
    var numbers = Numbers(seed: 20)
    var inputs: [String: Tensor] = [:]
    for (index, shape) in shapes.enumerated() {
      let count = shape.reduce(1, *)
      inputs["x\(index)"] = try Tensor(Array(numbers.floats(count).prefix(count)), shape: shape)
    }
    let plain = try session(equation, shapes, optimizes: false)
    let fast = try session(equation, shapes, optimizes: true)
    #expect(!fast.model.main.nodes.contains { $0.opType == "Einsum" })
    let want = try plain.run(inputs)["y"]!
    let got = try fast.run(inputs)["y"]!
    #expect(got.shape == want.shape)
    for (a, b) in zip(try got.array(of: Float.self), try want.array(of: Float.self)) {
      #expect(abs(a - b) <= 1e-5)
    }
  }

  /// No sum, a diagonal, a sum over one operand's axis, three operands, an ellipsis, axes that may be broadcast.
  @Test(arguments: [
    "ab,ac->abc", "aab,bc->ac", "abc,cd->ad", "ab,bc,cd->ad", "a...,ab->...b", "a,b->ab",
  ])
  func declines(equation: String) throws {
    let named = equation.replacing("...", with: "f").split(separator: "-")[0]
    let shapes = shapes(String(named))
    let session = try session(equation, shapes, optimizes: true)
    #expect(session.model.main.nodes.map(\.opType) == ["Einsum"])
    #expect(session.passLog.contains { $0.pass == "lower-einsum" && $0.outcome == .declined })
  }

  @Test func declinesToBroadcast() throws {
    let session = try session("ab,bc->ac", [[2, 1], [3, 4]], optimizes: true)
    #expect(session.model.main.nodes.map(\.opType) == ["Einsum"])
  }
}
