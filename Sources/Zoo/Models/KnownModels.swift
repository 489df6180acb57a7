import ModelFormat

extension KnownModel {
  /// all-MiniLM-L6-v2 or another BERT encoder.
  static let sentenceEmbedding = KnownModel(
    name: "sentence-embedding", summary: "vectors of texts; give it a BERT checkpoint",
    task: "sentence-embedding", isEmbedded: false
  ) { (path, store) throws(ModelError) in
    try store.open(path: required(path, "sentence-embedding", "minilm/"))
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
