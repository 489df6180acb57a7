import Quantize
import Testing
import ZooRuntime

@Suite struct PrunerTests {
  private func pruned(_ values: [Float], k: Int, n: Int, _ pruner: Pruner) throws -> [Float] {
    var pruner = pruner
    pruner.selection.minimumElements = 1
    let (model, _) = try pruner.apply(to: SmallModels.matMul(k: k, n: n, values: values))
    return try #require(try model.tensor("w")).array(of: Float.self)
  }

  @Test(arguments: [0, 0.1, 0.5, 0.9, 0.999])
  func cutsTheSmallestElements(sparsity: Double) throws {
    var noise = Noise(11)
    let values =
      noise.array(600) + [0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 3e38]
    let got = try pruned(values, k: 605, n: 1, Pruner(sparsity: sparsity))
    let order = values.indices.sorted { a, b in
      let (x, y) = (values[a].magnitude, values[b].magnitude)
      return x == y ? a < b : x < y
    }
    var want = values
    for index in order.prefix(Int(sparsity * 605)) { want[index] = 0 }
    #expect(got == want)
  }

  @Test func cutsTheFirstOfEqualElements() throws {
    let got = try pruned([1, -1, 1, 1, 2, -1], k: 6, n: 1, Pruner(sparsity: 0.5))
    #expect(got == [0, 0, 0, 1, 2, -1])
  }

  @Test func cutsOverAllLayers() throws {
    var builder = ModelBuilder()
    let x = builder.input("x", .f32, ["rows", 4])
    let small = try builder.weight("small", [1, 2, 3, 4].map { $0 / 10 }, [4, 1])
    let large = try builder.weight("large", [1, 2, 3, 4], [4, 1])
    builder.output(builder.node("MatMul", [x, small], "y"))
    builder.output(builder.node("MatMul", [x, large], "z"))
    let selection = LayerSelection(minimumElements: 1)
    let pruner = try Pruner(sparsity: 0.5, isGlobal: true, selection: selection)
    let (model, report) = try pruner.apply(to: builder.model)
    #expect(try model.tensor("small")?.array(of: Float.self) == [0, 0, 0, 0])
    #expect(try model.tensor("large")?.array(of: Float.self) == [1, 2, 3, 4])
    #expect(report.layers.map(\.sparsity) == [1, 0])
    #expect(report.recipe == "pruned 50.0 % over all layers")
  }

  /// Groups lie along the axis of summation: down the columns of w [k, n].
  @Test(arguments: [(1, 2), (2, 4), (3, 4), (1, 8)])
  func keepsNOfM(kept: Int, group: Int) throws {
    var noise = Noise(13)
    let (k, n) = (16, 5)
    let values = noise.array(k * n)
    let pattern = try SparsityPattern("\(kept):\(group)")
    let got = try pruned(values, k: k, n: n, Pruner(pattern: pattern))
    for column in 0..<n {
      for start in stride(from: 0, to: k, by: group) {
        let rows = (start..<start + group).sorted {
          values[$0 * n + column].magnitude > values[$1 * n + column].magnitude
        }
        for (rank, row) in rows.enumerated() {
          let want = rank < kept ? values[row * n + column] : 0
          #expect(got[row * n + column] == want)
        }
      }
    }
  }

  @Test func countsWhatAZooFileKeeps() throws {
    let (_, report) = try Pruner(sparsity: 0.75).apply(to: SmallModels.matMul(k: 32, n: 16))
    #expect(report.bytesBefore == 4 * 512)
    #expect(report.bytesAfter == 512 / 8 + 4 * 128)
  }

  @Test func leavesTablesAndOddShapesAlone() throws {
    let (_, report) = try Pruner(sparsity: 0.5).apply(to: SmallModels.table())
    #expect(
      report.leftAlone.map(\.reason) == ["its weight is a table; name the operator to prune it"])
    let (_, odd) = try Pruner(pattern: .nOfM(kept: 2, group: 4))
      .apply(to: SmallModels.matMul(k: 30, n: 16))
    #expect(odd.leftAlone.map(\.reason) == ["its sums of 30 products are no multiple of 4"])
    let asked = LayerSelection(operators: ["Gather"])
    let (_, pruned) = try Pruner(sparsity: 0.5, selection: asked).apply(to: SmallModels.table())
    #expect(pruned.layers.map(\.sparsity) == [0.5])
  }

  @Test(arguments: ["1:1", "two", "0:4", "2:4:8", "3:65"])
  func refusesPatterns(text: String) {
    #expect(
      message { _ = try SparsityPattern(text) }
        == "pattern '\(text)'; expected 'unstructured', or 'n:m' with 0 < n < m ≤ 64, such as '2:4'"
    )
  }

  @Test func refusesWhatDoesNotFitTogether() {
    #expect(
      message { _ = try Pruner(sparsity: 1) }
        == "sparsity 1.0; expected a share of elements from 0 to less than 1")
    #expect(
      message { _ = try Pruner() }
        == "no sparsity; expected a share of elements from 0 to less than 1")
    #expect(
      message { _ = try Pruner(sparsity: 0.75, pattern: .nOfM(kept: 2, group: 4)) }
        == "sparsity 0.75 with pattern 2:4; expected 0.5. Leave the sparsity out")
    #expect(
      message { _ = try Pruner(pattern: .nOfM(kept: 2, group: 4), isGlobal: true) }
        == "pattern 2:4 over all layers together; expected the unstructured pattern. "
        + "Leave 'global' out")
  }
}
