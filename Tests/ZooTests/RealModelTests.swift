import Testing
import Zoo

/// Real models, where `ZOO_FIXTURES` has them.
@Suite("Real models")
struct RealModelTests {
  @Test(
    "a checkpoint folder embeds as its ONNX export does",
    .enabled(if: Fixture.path("minilm.onnx") != nil))
  func sentenceEmbedding() throws {
    let folder = try ZooModel("sentence-embedding:\(#require(Fixture.path("minilm")))")
    let export = try ZooModel(#require(Fixture.path("minilm.onnx")))
    #expect(folder.task.name == export.task.name)
    let texts = ["The cat sits outside.", "", "naïve café 東京", String(repeating: "a ", count: 300)]
    let a = try folder.run(texts.map(RawInput.text))
    let b = try export.run(texts.map(RawInput.text))
    for (x, y) in zip(a, b) {
      let (x, y) = (try #require(x.embedding), try #require(y.embedding))
      #expect(x.count == 384)
      #expect(zip(x, y).allSatisfy { abs($0 - $1) < 1e-5 })
    }
    let alike = try folder.run([.text("a cat"), .text("a kitten"), .text("tax law")])
      .compactMap(\.embedding)
    func cosine(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(cosine(alike[0], alike[1]) > cosine(alike[0], alike[2]) + 0.3)
  }

  @Test(
    "reads a picture of a line of text", .enabled(if: Fixture.path("ocr-rec.onnx") != nil))
  func textRecognition() throws {
    let reader = try ZooModel(#require(Fixture.path("ocr-rec.onnx")))
    let line = try Image(decoding: Fixture.committed("line.png"))
    let answers = try reader.run([.image(line), .image(line)])
    #expect(answers.map(\.text) == ["Invoice No. 2024-0917", "Invoice No. 2024-0917"])
    #expect(answers.allSatisfy { ($0.score ?? 0) > 0.95 })
  }
}
