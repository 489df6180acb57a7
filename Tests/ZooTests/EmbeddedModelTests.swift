import Testing
import Zoo

@Suite("Embedded models")
struct EmbeddedModelTests {
  private static let names = PluginRegistry.standard.models.filter(\.isEmbedded).map(\.name)

  @Test("carry card, licence, pre- and post-processing and recorded cases", arguments: names)
  func contents(name: String) throws {
    let model = try ModelStore().open(name).model
    let card = try #require(try model.card())
    #expect(card.name == name)
    #expect(PluginRegistry.standard.tasks.contains { $0.name == card.task })
    #expect(!card.license.isEmpty && !card.description.isEmpty && !card.limitations.isEmpty)
    #expect(!card.data.isEmpty && !card.metrics.isEmpty)
    #expect(model.asset("preprocessing.json") != nil)
    #expect(model.asset("postprocessing.json") != nil)
    #expect(!model.cases.isEmpty)
  }

  @Test("compute what was recorded", arguments: names)
  func recordedCases(name: String) throws {
    let suite = try VerificationSuite(ModelStore().open(name).model)
    let session = try Session(suite.model)
    for recorded in suite.cases { #expect(try session.verify(recorded).passes) }
  }

  @Test("tell praise from complaint")
  func sentiment() throws {
    let answers = try ZooModel("sentiment").run([
      .text("A wonderful, funny and moving film."),
      .text("It broke after two days. What a waste of money!"),
    ])
    #expect(answers.map(\.label) == ["positive", "negative"])
    #expect(answers.allSatisfy { ($0.score ?? 0) > 0.9 })
  }

  @Test("estimate a price from a row, missing cells and all")
  func housePrice() throws {
    let model = try ZooModel("house-price")
    let rows = [["area": "1200", "Neighborhood": "NAmes"], ["area": "2400", "Overall.Qual": "9"]]
    let prices = try model.run(rows.map(RawInput.row)).compactMap { $0.number("price") }
    #expect(prices.count == 2)
    #expect(prices.allSatisfy { (20_000.0...1_000_000) ~= $0 })
    #expect(prices[0] < prices[1])
  }

  @Test("stay under 700 kB together, all three of them")
  func size() throws {
    #expect(Set(Self.names) == ["digits", "house-price", "sentiment"])
    let bytes = EmbeddedModelFiles.byteCount
    #expect(bytes > 0 && bytes < 700_000)
  }

  @Test func whatWasMeasuredBeforeAChangeSaysSo() throws {
    var model = try ModelStore().open("digits").model
    try model.markMetrics(before: "pruned 2:4")
    let metrics = try #require(try model.card()).metrics
    #expect(!metrics.isEmpty && metrics.allSatisfy { $0.on.hasSuffix(", before pruned 2:4") })
  }
}
