/// ONNX as a file format of models.
struct ONNXFormat: ModelFileFormat {
  let name = "onnx"
  let fileExtensions = ["onnx"]

  func recognizes(_ bytes: UnsafeRawBufferPointer) -> FormatRecognition {
    AlienFile(bytes) == nil ? .maybe : .no
  }

  func read(_ file: MappedFile, limits: ReadLimits) throws(ModelError) -> Model {
    try ONNXReader.read(file, limits: limits)
  }

  func write(_ model: Model, to path: String, options: WriteOptions) throws(ModelError) {
    try ONNXWriter.write(model, to: path)
  }
}
