// Files that hold one value: `.npy` arrays, and ONNX's `.pb` messages of tensors, sequences, optionals and maps.
extension Value {
  /// Reads one value from a file; the content decides of which format it is.
  ///
  /// - Parameter type: The type of the input that the value is for. It tells what neither format says: which message
  ///   a `.pb` file holds, and which element type the bytes of an array stand for that NumPy has no type for.
  /// - Throws: `.fileAccess`, `.malformed`, `.limitExceeded`. Whether the value is of type `type` is for the one who
  ///   uses it to check.
  public init(
    contentsOf path: String, as type: ValueType? = nil, limits: ReadLimits = .default
  ) throws(ModelError) {
    let file = try MappedFile(path: path)
    guard Npy.recognizes(file.bytes) else {
      if let alien = AlienFile(file.bytes, expected: "a .npy array or an ONNX .pb value") {
        throw alien.error.at(file: path)
      }
      self = try ONNXValueReader.read(file, as: type, limits: limits).value
      return
    }
    do {
      self = .tensor(try Npy.read(file, as: type?.tensorType?.element, limits: limits))
    } catch {
      throw error.at(file: path)
    }
  }

  /// Writes the value to a `.npy` file, tensors only, or to an ONNX `.pb` file. Afterwards the file is complete or
  /// what it was before.
  ///
  /// - Parameter name: The name of the value in a `.pb` file.
  /// - Throws: `.fileAccess`; `.invalidRequest` for another extension, or for a value that is no tensor in a `.npy`
  ///   file.
  public func write(to path: String, name: String = "") throws(ModelError) {
    let message: WireBuilder
    if path.hasSuffix(".pb") {
      message = try ONNXValueWriter.message(self, name: name)
    } else if path.hasSuffix(".npy") {
      guard let tensor else {
        throw ModelError(
          .invalidRequest, "\(type) in a .npy file", expected: "a tensor",
          remedy: "write it as .pb", at: .init(file: path))
      }
      message = try Npy.message(tensor)
    } else {
      throw ModelError(
        .invalidRequest, "a file of unknown kind", expected: "a name that ends with .npy or .pb",
        at: .init(file: path))
    }
    let file = try AtomicFile(replacing: path)
    try message.write(to: file)
    try file.commit()
  }
}
