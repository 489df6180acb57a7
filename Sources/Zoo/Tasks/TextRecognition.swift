import ModelFormat

/// The text of a picture of one line, read by a network of the PP-OCR family (Du et al., "PP-OCR", 2020).
///
/// The picture becomes 48 pixels high (or as high as the model's input) and as wide as its proportions say, padded on
/// the right to at least 320 and a multiple of 32; values are (x/255 − 0.5)/0.5, channels blue, green, red. Each column
/// of the output is a character or a blank; repetitions and blanks are dropped (Graves et al., "Connectionist temporal
/// classification", 2006). The alphabet is the model's metadata entry `character`, one a line, then a space.
public struct TextRecognition: ModelTask {
  public let name = "text-recognition"
  public let summary = "reads a picture of one line of text"

  public init() {}

  private static let alphabetKey = "character"

  public func recognizes(_ model: Model) -> Bool {
    model.metadata.contains { $0.key == Self.alphabetKey } && model.main.requiredInputs.count == 1
  }

  public func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
    guard let alphabet = model.metadata.first(where: { $0.key == Self.alphabetKey })?.value else {
      throw ModelError(
        .invalidRequest, "a model without an alphabet",
        expected: "the metadata entry 'character', one character a line",
        at: .init(file: model.fileName))
    }
    var characters = alphabet.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map(String.init)
    if characters.last == "" { characters.removeLast() }
    let input = try model.singleName(model.main.requiredInputs, nil, "input")
    let shape = model.inputType(input)?.shape
    let extents = shape.flatMap { $0.rank == 4 ? $0.dimensions.map(\.value) : nil }
    return Pipeline(
      input: input, output: try model.singleName(model.main.outputs, nil, "output"),
      characters: [""] + characters + [" "], height: extents?[2] ?? 48, width: extents?[3])
  }

  private struct Pipeline: TaskPipeline {
    let input: String
    let output: String
    /// By class; class 0 is the blank.
    let characters: [String]
    let height: Int
    /// `nil` if any width will do.
    let width: Int?
    var inputKind: RawInput.Kind { .image }

    /// Pictures of one padded width run together, so that no answer depends on its neighbours.
    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      let images = try RawInput.images(inputs)
      var groups: [Int: [[Int]]] = [:]
      for (index, image) in images.enumerated() {
        let width = paddedWidth(image)
        var lists = groups[width] ?? []
        if let last = lists.last, last.count < max(1, limit) {
          lists[lists.count - 1].append(index)
        } else {
          lists.append([index])
        }
        groups[width] = lists
      }
      var batches: [PreparedBatch] = []
      for (width, lists) in groups.sorted(by: { $0.key < $1.key }) {
        for list in lists {
          var values: [Float] = []
          values.reserveCapacity(list.count * 3 * height * width)
          for index in list { try append(images[index], width, to: &values) }
          let tensor = try Tensor(values, shape: [list.count, 3, height, width])
          batches.append(PreparedBatch(indices: list, tensors: [input: tensor]))
        }
      }
      return batches
    }

    private func naturalWidth(_ image: Image) -> Int {
      let width = Double(height) * Double(image.width) / Double(image.height)
      return max(1, Int(min(width, 1e6).rounded(.up)))
    }

    private func paddedWidth(_ image: Image) -> Int {
      width ?? (max(320, naturalWidth(image)) + 31) / 32 * 32
    }

    private func append(
      _ image: Image, _ width: Int, to values: inout [Float]
    ) throws(ModelError) {
      let line = try image.rgb().resized(
        width: min(width, naturalWidth(image)), height: height, antialiases: false)
      for channel in [2, 1, 0] {
        for row in 0..<height {
          for column in 0..<line.width {
            let pixel = line.pixels[(row * line.width + column) * 3 + channel]
            values.append((Float(pixel) / 255 - 0.5) / 0.5)
          }
          values.append(contentsOf: repeatElement(0, count: width - line.width))
        }
      }
    }

    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      let scores = try outputs.output(output)
      guard scores.shape.count == 3, scores.shape[2] == characters.count else {
        throw ModelError(
          .shapeMismatch, "output '\(output)' of shape \(scores.shape)",
          expected: "[batch, columns, \(characters.count)], one score for each character")
      }
      return try outputs.rows(output, batch.indices.count).map(decode)
    }

    /// Spaces at the ends of a line are its margin.
    private static func trimmed(_ text: String) -> String {
      let start = text.drop { $0 == " " }
      return String(start.reversed().drop { $0 == " " }.reversed())
    }

    private func decode(_ scores: [Float]) -> Answer {
      let classes = characters.count
      var text = ""
      var (sum, count, previous) = (0.0, 0, 0)
      for start in stride(from: 0, to: scores.count, by: classes) {
        var best = 0
        for index in 1..<classes where scores[start + index] > scores[start + best] {
          best = index
        }
        if best != 0, best != previous {
          text += characters[best]
          sum += Double(scores[start + best])
          count += 1
        }
        previous = best
      }
      return Answer([
        JSON.Member("text", .string(Self.trimmed(text))),
        JSON.Member("score", JSON(Float(count == 0 ? 0 : sum / Double(count)))),
      ])
    }
  }
}
