import ModelFormat

/// Texts as a model's inputs: ids and, where the model has inputs for them, the mask of attention and the types of
/// tokens, all `[batch, sequence]` of `i64` or `i32`.
struct TextInput: Sendable {
  let tokenizer: any TextTokenizer
  let ids: String
  let mask: String?
  let types: String?
  private let elementTypes: [String: ElementType]
  /// The extent of the sequence, if the model fixes it.
  private let length: Int?

  init(_ model: Model) throws(ModelError) {
    let names = model.main.requiredInputs.map { model[$0].name }
    mask = names.first { $0 == "attention_mask" || $0 == "input_mask" }
    types = names.first { $0 == "token_type_ids" || $0 == "segment_ids" }
    var tokenizerName = AssetName.tokenizer
    var maximum: Int?
    var declared: String?
    if model.asset(AssetName.preprocessing) != nil {
      let settings = try model.json(AssetName.preprocessing)
      if settings.value("input") != nil { declared = try settings.string("input") }
      tokenizerName = try settings.string("tokenizer", default: tokenizerName)
      if settings.value("maximum") != nil {
        maximum = try settings.int("maximum", in: 1...1 << 20)
      }
    }
    let (mask, types) = (mask, types)
    let others = model.main.requiredInputs.filter {
      let name = model[$0].name
      return name != mask && name != types
    }
    ids = try model.singleName(others, declared, "input")
    var elementTypes: [String: ElementType] = [:]
    for name in names { elementTypes[name] = model.inputType(name)?.element }
    self.elementTypes = elementTypes
    let shape = model.inputType(ids)?.shape
    length = shape.flatMap { $0.rank == 2 ? $0[1].value : nil }
    tokenizer = Self.limited(
      try model.tokenizer(tokenizerName), [maximum, length].compactMap { $0 }.min())
  }

  private static func limited(_ tokenizer: any TextTokenizer, _ limit: Int?) -> any TextTokenizer {
    guard let limit else { return tokenizer }
    if var words = tokenizer as? WordTokenizer {
      words.maximum = limit
      return words
    }
    if var pieces = tokenizer as? WordPieceTokenizer {
      let length = min(limit, pieces.truncation?.length ?? limit)
      pieces.truncation = TextTruncation(
        length: length, keepsStart: pieces.truncation?.keepsStart ?? true)
      return pieces
    }
    return tokenizer
  }

  /// Texts of like length together, padded to the longest of their batch, or to the model's extent.
  func batches(_ texts: [String], limit: Int) throws(ModelError) -> [PreparedBatch] {
    var encodings: [TextEncoding] = []
    for text in texts { encodings.append(try tokenizer.encode(text)) }
    var padding = tokenizer.padding ?? TextPadding()
    padding.length = length
    if length != nil { padding.multiple = nil }
    var batches: [PreparedBatch] = []
    for group in PreparedBatch.groups(sizes: encodings.map(\.ids.count), limit: limit) {
      var part = group.map { encodings[$0] }
      padding.pad(&part)
      batches.append(PreparedBatch(indices: group, tensors: try tensors(part)))
    }
    return batches
  }

  private func tensors(_ encodings: [TextEncoding]) throws(ModelError) -> [String: Tensor] {
    let shape = [encodings.count, encodings.first?.ids.count ?? 0]
    var tensors = [
      ids: try Tensor.integers(encodings.flatMap(\.ids), shape: shape, as: elementTypes[ids])
    ]
    if let mask {
      tensors[mask] = try .integers(
        encodings.flatMap(\.attentionMask), shape: shape, as: elementTypes[mask])
    }
    if let types {
      tensors[types] = try .integers(
        encodings.flatMap(\.typeIDs), shape: shape, as: elementTypes[types])
    }
    return tensors
  }
}
