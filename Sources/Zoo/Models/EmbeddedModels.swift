import CEmbeddedModels
import ModelFormat

/// Models whose files are part of the program.
enum EmbeddedModels {
  /// By name: what people read in a list, and the task. The models' cards say more.
  private static let descriptions = [
    "digits": ("reads one handwritten digit in a picture", "image-classification"),
    "house-price": ("estimates the price of a house in Ames from a CSV row", "tabular-regression"),
    "sentiment": ("tells praise from complaint in an English text", "text-classification"),
  ]

  static let all: [KnownModel] = {
    var count = 0
    guard let files = zoo_embedded_models(&count) else { return [] }
    return (0..<count).compactMap { index in
      let name = String(cString: files[index].name)
      guard let (summary, task) = descriptions[name] else { return nil }
      return KnownModel(name: name, summary: summary, task: task, isEmbedded: true) {
        (path, store) throws(ModelError) in
        if let path { return try store.open(path: path) }
        return try open(name, index, store)
      }
    }
  }()

  private static func open(
    _ name: String, _ index: Int, _ store: ModelStore
  ) throws(ModelError) -> Model {
    var count = 0
    guard let files = zoo_embedded_models(&count), index < count else {
      throw ModelError(.fileAccess, "no embedded model '\(name)'")
    }
    let bytes = UnsafeRawBufferPointer(start: files[index].bytes, count: files[index].size)
    var model = try Model(
      MappedFile(viewing: bytes, owner: nil), limits: store.limits,
      formats: store.registry.formats)
    model.fileName = name
    return model
  }
}

/// The files of the embedded models.
package enum EmbeddedModelFiles {
  /// Bytes of all of them together.
  package static var byteCount: Int {
    var count = 0
    guard let files = zoo_embedded_models(&count) else { return 0 }
    return (0..<count).reduce(0) { $0 + files[$1].size }
  }
}
