import ModelFormat

extension KnownModel {
  /// all-MiniLM-L6-v2 or another BERT encoder.
  static let sentenceEmbedding = KnownModel(
    name: "sentence-embedding", summary: "vectors of texts; give it a BERT checkpoint",
    task: "sentence-embedding", isEmbedded: false
  ) { (path, store) throws(ModelError) in
    var model = try store.open(path: required(path, "sentence-embedding", "minilm/"))
    // A tokenizer lies beside a model file, or in a folder of the same name.
    if let file = path, !FilePath.isFolder(file) {
      let folder = FilePath.parent(file)
      for place in [FilePath.join(folder, FilePath.stem(file)), folder] {
        try ModelFolder(path: place, store: store).attachTokenizer(to: &model)
      }
    }
    return model
  }

  /// A recogniser of the PP-OCR family.
  static let textRecognition = KnownModel(
    name: "text-recognition", summary: "text in pictures of lines; give it a PP-OCR recogniser",
    task: "text-recognition", isEmbedded: false
  ) { (path, store) throws(ModelError) in
    try store.open(path: required(path, "text-recognition", "ch_PP-OCRv4_rec_infer.onnx"))
  }

  private static func required(
    _ path: String?, _ name: String, _ example: String
  ) throws(ModelError) -> String {
    if let path { return path }
    throw ModelError(
      .invalidRequest, "'\(name)' without the path of its weights",
      expected: "\(name):PATH", remedy: "write for example \(name):\(example)")
  }
}

extension ModelFolder {
  func attachTokenizer(to model: inout Model) throws(ModelError) {
    for name in [AssetName.tokenizer, AssetName.vocabulary] where model.asset(name) == nil {
      let file = FilePath.join(path, name)
      guard FilePath.isFile(file) else { continue }
      model.assets.append(
        Asset(name: name, mediaType: "application/json", bytes: try FilePath.bytes(file)))
    }
  }
}
