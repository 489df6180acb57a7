import Testing
import Zoo

/// Pipelines of tasks on models that hand their input on, so that every number can be told in advance.
@Suite("Tasks")
struct TaskTests {
  /// A model whose output `y` is its input `x`.
  private func echo(_ type: TensorType, _ assets: [String: String]) -> Model {
    var model = Model()
    let input = model.addValue("x", type: .tensor(type))
    let output = model.addValue("y", type: .tensor(type))
    model.main.inputs = [input]
    model.main.outputs = [output]
    model.main.nodes = [Node("Identity", inputs: [input], outputs: [output])]
    model.assets = assets.sorted { $0.key < $1.key }.map {
      Asset(name: $0.key, mediaType: "", bytes: Array($0.value.utf8))
    }
    return model
  }

  private func classifier(_ fit: String = "stretch") -> Model {
    echo(
      TensorType(.f32, ["batch", 1, 1, 3]),
      [
        "card.json": #"{"name": "t", "task": "image-classification"}"#, "labels.txt": "a\nb\nc\n",
        "preprocessing.json": #"{"type": "image", "width": 3, "height": 1, "channels": "gray"}"#,
        "postprocessing.json": #"{"type": "classification", "output": "y"}"#,
      ])
  }

  @Test("classifies pictures in the order given, many at once")
  func imageClassification() throws {
    let model = try ZooModel(classifier())
    #expect(model.inputKind == .image)
    var inputs: [RawInput] = []
    for index in 0..<70 {
      var pixels = [UInt8](repeating: 0, count: 3)
      pixels[index % 3] = 255
      inputs.append(.image(try Image(width: 3, height: 1, channels: .gray, pixels: pixels)))
    }
    var progress: [Int] = []
    let answers = try model.run(inputs) { progress.append($0) }
    #expect(answers.map(\.label) == (0..<70).map { ["a", "b", "c"][$0 % 3] })
    #expect(answers[1].score == 1)
    #expect(
      answers[0].json.text()
        == #"{"label": "a", "score": 1.0, "scores": {"a": 1.0, "b": 0.0, "c": 0.0}}"#)
    #expect(progress == [32, 64, 70])
    #expect(try model.run([]).isEmpty)
    let error = #expect(throws: ModelError.self) { try model.run(.text("x")) }
    #expect(error?.code == .invalidRequest)
  }

  @Test(
    "refuses assets that are missing or wrong",
    arguments: [
      ("labels.txt", nil), ("preprocessing.json", nil), ("postprocessing.json", nil),
      ("postprocessing.json", "{}"), ("postprocessing.json", #"{"type": "clairvoyance"}"#),
      ("postprocessing.json", #"{"type": "classification", "output": "z"}"#),
      ("preprocessing.json", #"{"type": "image", "width": 0, "height": 1}"#),
      ("preprocessing.json", #"{"width": 3, "height": 1, "deviation": 0}"#),
      ("preprocessing.json", #"{"width": 3, "height": 1, "mean": [1, 2]}"#),
      ("preprocessing.json", #"{"width": 3, "height": 1, "fit": {"type": "shrink"}}"#),
      ("card.json", #"{"name": "t", "task": "telepathy"}"#), ("card.json", "[]"),
    ] as [(String, String?)])
  func assets(name: String, content: String?) throws {
    var model = classifier()
    model.assets.removeAll { $0.name == name }
    if let content {
      model.assets.append(Asset(name: name, mediaType: "", bytes: Array(content.utf8)))
    }
    #expect(throws: ModelError.self) { try ZooModel(model) }
  }

  @Test("refuses an output that does not fit the labels")
  func labels() throws {
    var model = classifier()
    model.assets.removeAll { $0.name == "labels.txt" }
    model.assets.append(Asset(name: "labels.txt", mediaType: "", bytes: Array("a\nb".utf8)))
    let picture = try Image(width: 3, height: 1, channels: .gray, pixels: [1, 2, 3])
    let error = #expect(throws: ModelError.self) { try ZooModel(model).run(.image(picture)) }
    #expect(error?.code == .shapeMismatch)
  }

  @Test("makes rows of text cells and numbers, NaN where missing")
  func tabularRegression() throws {
    var model = echo(
      TensorType(.f32, ["batch", 1]),
      [
        "card.json": #"{"name": "t", "task": "tabular-regression"}"#,
        "preprocessing.json":
          #"{"type": "csv", "columns": [{"name": "living area", "input": "x", "type": "number"}]}"#,
        "postprocessing.json": #"{"type": "regression", "output": "y", "name": "price"}"#,
      ])
    model.main.inputs.append(model.addValue("kind", type: .tensor(.string, ["batch", 1])))
    let zoo = try ZooModel(model)
    #expect(zoo.inputKind == .row)
    let answers = try zoo.run([
      .row(["living area": " 2.5 ", "kind": "x", "other": "?"]), .row(["kind": "y"]),
    ])
    #expect(answers[0].json.text() == #"{"price": 2.5}"#)
    #expect(answers[1].json.text() == #"{"price": null}"#)
    let wrong = #expect(throws: ModelError.self) { try zoo.run(.row(["living area": "big"])) }
    #expect(wrong?.site.operand == "column 'living area'")
    let stranger = #expect(throws: ModelError.self) { try zoo.run(.row(["area": "1"])) }
    #expect(stranger?.code == .missingInput)
  }

  @Test("numbers words, symbols apart, and pads to the longest text")
  func words() throws {
    let tokenizer = try WordTokenizer(
      json: JSON(
        parsing: """
          {"type": "words", "lowercase": true, "replace": {"\u{2019}": "'"}, "padding": 0,
          "unknown": 1, "first": 2, "vocabulary": ["don't", "stop", "!", "é"]}
          """))
    #expect(try tokenizer.encode("DON\u{2019}T  stop!!").ids == [2, 3, 4, 4])
    #expect(try tokenizer.encode("'stop' É? e\u{301}").ids == [3, 5, 1, 1])
    #expect(try tokenizer.encode("").ids == [1])
    #expect(try tokenizer.encode(batch: ["stop", "stop!"]).map(\.ids) == [[3, 0], [3, 4]])
  }

  @Test("reads characters, without blanks and repetitions")
  func textRecognition() throws {
    // The columns of the picture are the columns of scores: 4 classes × the width.
    var model = Model()
    let input = model.addValue("x", type: .tensor(.f32, ["n", 3, 4, "w"]))
    let output = model.addValue("y")
    let index = model.addValue("index")
    let swapped = model.addValue("swapped")
    model.main.weights[index] = Weight(try Tensor(scalar: Int64(0)))
    model.main.inputs = [input]
    model.main.outputs = [output]
    model.main.nodes = [
      Node(
        "Gather", inputs: [input, index], outputs: [swapped],
        attributes: [Attribute("axis", .int(1))]),
      Node(
        "Transpose", inputs: [swapped], outputs: [output],
        attributes: [Attribute("perm", .ints([0, 2, 1]))]),
    ]
    model.metadata = [MetadataEntry("character", "a\nb")]
    let zoo = try ZooModel(model)
    #expect(zoo.task.name == "text-recognition")
    // Class by column: a a blank a b b space b; the padding on the right is blank: its scores are all equal.
    let columns = [1, 1, 0, 1, 2, 2, 3, 2, 3]
    var pixels = [UInt8](repeating: 0, count: 4 * columns.count)
    for (column, row) in columns.enumerated() { pixels[row * columns.count + column] = 255 }
    let image = try Image(width: columns.count, height: 4, channels: .gray, pixels: pixels)
    let answers = try zoo.run([.image(image), .image(image)])
    #expect(answers.map(\.text) == ["aab b", "aab b"])
    #expect(answers[0].score == 1)
  }

  @Test("a sentence's vector is the mean of its tokens' states, of length 1")
  func sentenceEmbedding() throws {
    // The state of a token is (id, 1): the ids and the mask, side by side.
    var model = Model()
    model.assets = [
      Asset(
        name: "vocab.txt", mediaType: "", bytes: Array("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n".utf8))
    ]
    let tokens = model.addValue("input_ids", type: .tensor(.i64, ["b", "s"]))
    let mask = model.addValue("attention_mask", type: .tensor(.i64, ["b", "s"]))
    let table = model.addValue("table")
    let states = model.addValue("last_hidden_state", type: .tensor(.f32, ["b", "s", 2]))
    model.main.weights[table] = Weight(
      try Tensor([Float(9), 9, 9, 9, 1, 0, 0, 1, 4, 3], shape: [5, 2]))
    model.main.inputs = [tokens, mask]
    model.main.outputs = [states]
    model.main.nodes = [Node("Gather", inputs: [table, tokens], outputs: [states])]
    let zoo = try ZooModel(model)
    #expect(zoo.task.name == "sentence-embedding")
    // [CLS] [SEP] → (1, 1)/2; [CLS] a [SEP] → (5, 4)/3. Padding of the shorter text does not count.
    let answers = try zoo.run([.text(""), .text("a"), .text("a a a a a")])
    let half = Float(0.5).squareRoot()
    #expect(answers[0].embedding == [half, half])
    let vector = try #require(answers[1].embedding)
    #expect(abs(vector[0] - 5 / Float(41).squareRoot()) < 1e-6)
    #expect(abs(vector[1] - 4 / Float(41).squareRoot()) < 1e-6)
    let alone = try zoo.run(.text("a"))
    #expect(alone == answers[1])
  }

  @Test("gives tensors for tensors where nothing more is known")
  func tensors() throws {
    let zoo = try ZooModel(echo(TensorType(.f32, ["n"]), [:]))
    #expect(zoo.inputKind == .tensors)
    let tensor = try Tensor([Float(1), 2], shape: [2])
    #expect(try zoo.run(.tensors(["x": tensor])).tensors == ["y": tensor])
  }
}
