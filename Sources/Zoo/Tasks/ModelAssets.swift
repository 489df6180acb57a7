import ModelFormat

/// The assets of a model by their names, with errors that name them.
enum AssetName {
  static let card = "card.json"
  static let preprocessing = "preprocessing.json"
  static let postprocessing = "postprocessing.json"
  static let tokenizer = "tokenizer.json"
  static let vocabulary = "vocab.txt"
  static let labels = "labels.txt"
}

extension Model {
  /// - Throws: `.invalidRequest` if there is no such asset.
  func requiredAsset(_ name: String) throws(ModelError) -> Asset {
    if let asset = asset(name) { return asset }
    throw ModelError(
      .invalidRequest, "a model without the asset '\(name)'", expected: "that asset",
      remedy: "put the file beside the model, or attach it when converting",
      at: .init(file: fileName))
  }

  func json(_ name: String) throws(ModelError) -> JSONReader {
    let asset = try requiredAsset(name)
    do throws(ModelError) {
      return try JSONReader(JSON(parsing: asset.bytes), path: name)
    } catch { throw error.at(file: fileName, operand: name) }
  }

  /// One line each, without the empty one at the end.
  func lines(_ name: String) throws(ModelError) -> [String] {
    let bytes = try requiredAsset(name).bytes
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ModelError(
        .malformed, "text that is not UTF-8", at: .init(file: fileName, operand: name))
    }
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  /// The tokenizer among the assets.
  func tokenizer(_ name: String = AssetName.tokenizer) throws(ModelError) -> any TextTokenizer {
    if asset(name) == nil, let vocabulary = asset(AssetName.vocabulary) {
      return try WordPieceTokenizer(
        vocabulary: String(decoding: vocabulary.bytes, as: UTF8.self))
    }
    let json = try json(name)
    if case .string("words")? = json.value("type") {
      return try WordTokenizer(json: .object(json.members), path: name)
    }
    return try WordPieceTokenizer(json: .object(json.members), path: name)
  }

  /// The declared type of the main graph's input.
  func inputType(_ name: String) -> TensorType? {
    main.inputs.first { self[$0].name == name }.flatMap { self[$0].type?.tensorType }
  }

  /// The only input or output that has to be there, or the one that is named.
  func singleName(
    _ values: [ValueID], _ name: String?, _ what: String
  ) throws(ModelError) -> String {
    let names = values.map { self[$0].name }
    if let name, names.contains(name) { return name }
    if name == nil, names.count == 1 { return names[0] }
    throw ModelError(
      .invalidRequest, name.map { "no \(what) '\($0)'" } ?? "\(names.count) \(what)s",
      expected: name == nil ? "one \(what)" : names.joined(separator: ", "),
      at: .init(file: fileName))
  }
}
