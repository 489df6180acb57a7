extension Value {
  /// Reads one value from a file: an array from a `.npy` file, any value from an ONNX `.pb` file.
  ///
  /// - Parameter type: What a `.pb` file is expected to hold, since its bytes do not tell: a tensor, a sequence, an
  ///   optional or a map; a tensor if it is `nil`.
  /// - Throws: `.fileAccess`, `.malformed`, `.limitExceeded`; `.invalidRequest` for another extension.
  public init(
    contentsOf path: String, as type: ValueType? = nil, limits: ReadLimits = .default
  ) throws(ModelError) {
    if path.hasSuffix(".npy") {
      self = .tensor(try NpyFile.read(path, limits: limits))
    } else if path.hasSuffix(".pb") {
      self = try ONNXValueFile.read(try MappedFile(path: path), as: type, limits: limits)
    } else {
      throw Self.unknownExtension(path)
    }
  }

  /// Writes the value to a `.npy` file, tensors only, or to an ONNX `.pb` file. Afterwards the file is complete or
  /// what it was before.
  ///
  /// - Throws: `.fileAccess`; `.invalidRequest` for another extension, or for a value that is no tensor in a `.npy` file.
  public func write(to path: String) throws(ModelError) {
    let bytes: [UInt8]
    if path.hasSuffix(".npy") {
      guard let tensor else {
        throw ModelError(
          .invalidRequest, "\(type) in a .npy file", expected: "a tensor",
          remedy: "write it as .pb", at: .init(file: path))
      }
      bytes = try NpyFile.bytes(tensor)
    } else if path.hasSuffix(".pb") {
      bytes = try ONNXValueFile.bytes(self)
    } else {
      throw Self.unknownExtension(path)
    }
    let file = try AtomicFile(replacing: path)
    let tensor = try Tensor(bytes, shape: [bytes.count])
    try tensor.withBytes { (bytes) throws(ModelError) in try file.write(bytes, at: 0) }
    try file.commit()
  }

  private static func unknownExtension(_ path: String) -> ModelError {
    ModelError(
      .invalidRequest, "a file of unknown kind", expected: "a name that ends with .npy or .pb",
      at: .init(file: path))
  }
}
