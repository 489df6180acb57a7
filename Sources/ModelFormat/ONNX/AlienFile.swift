/// Files that people give by mistake instead of a model, known by their first bytes.
struct AlienFile {
  let error: ModelError

  /// `nil` unless the bytes are surely of another kind.
  init?(_ bytes: UnsafeRawBufferPointer, expected: String = "an ONNX model") {
    guard !bytes.isEmpty else {
      error = ModelError(
        .malformed, "an empty file", expected: expected,
        remedy: "check that the download was complete")
      return
    }
    for kind in Self.kinds where kind.matches(bytes) {
      error = ModelError(.malformed, kind.name, expected: expected, remedy: kind.remedy)
      return
    }
    return nil
  }

  private struct Kind {
    let offset: Int
    let mark: [UInt8]
    let name: String
    let remedy: String

    init(_ mark: [UInt8], at offset: Int = 0, _ name: String, _ remedy: String) {
      self.offset = offset
      self.mark = mark
      self.name = name
      self.remedy = remedy
    }

    init(_ mark: String, at offset: Int = 0, _ name: String, _ remedy: String) {
      self.init(Array(mark.utf8), at: offset, name, remedy)
    }

    func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
      bytes.count >= offset + mark.count
        && bytes[offset..<offset + mark.count].elementsEqual(mark)
    }
  }

  // No message of ONNX begins like any of these: the tags are of fields or wire types that it does not have.
  private static let kinds: [Kind] = [
    Kind(
      "version https://git-lfs", "a git-LFS pointer", "fetch the file itself with 'git lfs pull'"),
    Kind("{", "JSON text", "give the model file, not its description"),
    Kind("[", "JSON text", "give the model file, not its description"),
    Kind("<", "an HTML or XML page", "download the file itself, not the page that shows it"),
    Kind("PK\u{3}\u{4}", "a zip archive", "unpack it, or export a PyTorch checkpoint to ONNX"),
    Kind([0x1F, 0x8B], "a gzip archive", "unpack it with 'gunzip' or 'tar xzf'"),
    Kind([0x28, 0xB5, 0x2F, 0xFD], "a zstd archive", "unpack it with 'unzstd'"),
    Kind([0x89, 0x48, 0x44, 0x46], "an HDF5 file", "export the Keras model to ONNX"),
    Kind([0x89, 0x50, 0x4E, 0x47], "a PNG image", "give the image as input, not as model"),
    Kind([0xFF, 0xD8, 0xFF], "a JPEG image", "give the image as input, not as model"),
    Kind([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "a .npy array", "give the array as input"),
    Kind("\0\0\0TFL3", at: 1, "a TensorFlow Lite model", "convert it with tf2onnx"),
    Kind("GGUF", "a GGUF model", "export the original model to ONNX"),
    Kind("\0\0\0{", at: 5, "a safetensors file", "export the model with its graph to ONNX"),
    Kind([0x80, 0x02], "a Python pickle", "export the PyTorch model to ONNX"),
    Kind("%PDF", "a PDF document", "give the model file"),
  ]
}
