import ModelFormat

/// A folder that holds a model and what belongs to it.
struct ModelFolder {
  let path: String
  let store: ModelStore

  /// Files that ride along as assets, with their media types.
  static let assets = [
    (AssetName.card, "application/json"), (AssetName.preprocessing, "application/json"),
    (AssetName.postprocessing, "application/json"), (AssetName.tokenizer, "application/json"),
    (AssetName.vocabulary, "text/plain"), (AssetName.labels, "text/plain"),
    ("LICENSE", "text/plain"), ("NOTICE", "text/plain"),
  ]

  private func file(_ name: String) -> String? {
    let path = FilePath.join(path, name)
    return FilePath.isFile(path) ? path : nil
  }

  func open() throws(ModelError) -> Model {
    var model: Model
    if let weights = file("model.safetensors"), let config = file("config.json") {
      model = try BertCheckpoint(config: config, weights: weights, limits: store.limits).model()
    } else if let path = file("model.zoo") ?? file("model.onnx") {
      model = try store.open(path: path)
    } else {
      throw ModelError(
        .fileAccess, "a folder without a model",
        expected: "model.safetensors with config.json, model.zoo or model.onnx",
        at: .init(file: path))
    }
    try attachAssets(to: &model)
    if model.cases.isEmpty { model.cases = try cases(model) }
    model.fileName = path
    return model
  }

  /// Adds the files beside a model as assets, unless it has assets of those names.
  func attachAssets(to model: inout Model) throws(ModelError) {
    for (name, mediaType) in Self.assets where model.asset(name) == nil {
      // The vocabulary is part of the tokenizer's own file.
      if name == AssetName.vocabulary, model.asset(AssetName.tokenizer) != nil { continue }
      guard let path = file(name) else { continue }
      model.assets.append(
        Asset(name: name, mediaType: mediaType, bytes: try FilePath.bytes(path)))
    }
    model.assets.sort { $0.name < $1.name }
  }

  /// Recorded cases in the layout of the ONNX backend suite: `test_data_set_N/input_M.pb` and `output_M.pb`, with the
  /// tolerances of `data.json`.
  private func cases(_ model: Model) throws(ModelError) -> [RecordedCase] {
    var tolerances = (absolute: 1e-5, relative: 1e-4)
    if let path = file("data.json") {
      let settings = try JSONReader(JSON(parsing: FilePath.bytes(path)), path: "data.json")
      tolerances = (try settings.double("atol"), try settings.double("rtol"))
    }
    var cases: [RecordedCase] = []
    while true {
      let folder = FilePath.join(path, "test_data_set_\(cases.count)")
      guard FilePath.isFolder(folder) else { return cases }
      cases.append(
        RecordedCase(
          name: "\(cases.count)",
          inputs: try values(folder, "input", model.main.requiredInputs.map { model[$0] }),
          outputs: try values(folder, "output", model.main.outputs.map { model[$0] }),
          absolute: tolerances.absolute, relative: tolerances.relative))
    }
  }

  private func values(
    _ folder: String, _ kind: String, _ ports: [ValueInfo]
  ) throws(ModelError) -> [NamedValue] {
    var values: [NamedValue] = []
    for (index, port) in ports.enumerated() {
      let file = FilePath.join(folder, "\(kind)_\(index).pb")
      values.append(NamedValue(port.name, try ValueFile.read(file, as: port.type).value))
    }
    return values
  }

  /// Gives a text model that is a file of its own the tokenizer that lies beside it, or in a folder of the same name.
  static func attachTokenizer(
    to model: inout Model, path: String, store: ModelStore
  ) throws(ModelError) {
    let takesIDs = model.main.inputs.contains { model[$0].name == "input_ids" }
    guard takesIDs, FilePath.isFile(path) else { return }
    let parent = FilePath.parent(path)
    for place in [FilePath.join(parent, FilePath.stem(path)), parent] {
      let folder = ModelFolder(path: place, store: store)
      for name in [AssetName.tokenizer, AssetName.vocabulary] {
        let known = model.asset(AssetName.tokenizer) ?? model.asset(AssetName.vocabulary)
        guard known == nil, let file = folder.file(name) else { continue }
        model.assets.append(
          Asset(name: name, mediaType: "text/plain", bytes: try FilePath.bytes(file)))
      }
    }
  }
}
