/// Files that hold one value: `.npy` arrays, and ONNX's `.pb` messages of tensors, sequences, optionals and maps.
public enum ValueFile {
  /// The kinds of file that can be written.
  public enum Format: String, Sendable, CaseIterable {
    case npy
    case pb
  }

  /// Reads a value; the content decides of which format it is.
  ///
  /// - Parameters:
  ///   - path: A `.npy` or `.pb` file, or a pipe that gives one, if `limits` allow pipes.
  ///   - expected: The type of the input that the value is for. It tells what neither format says: which message a
  ///     `.pb` file holds, and which 8-bit or packed type an array of bytes stands for.
  ///   - limits: What the reader may spend.
  /// - Returns: The value, with the name that the file gives it; a `.npy` file gives none.
  /// - Throws: `.fileAccess`, `.malformed` or `.limitExceeded`. Whether the value is of the expected type is for
  ///   the one who uses it to check.
  public static func read(
    _ path: String, as expected: ValueType? = nil, limits: ReadLimits = .default
  ) throws(ModelError) -> NamedValue {
    let file = try MappedFile(path: path, pipeLimit: limits.pipeBytes)
    do throws(ModelError) {
      guard Npy.recognizes(file.bytes) else {
        if let alien = AlienFile(file.bytes, expected: "a .npy array or an ONNX .pb value") {
          throw alien.error
        }
        return try ONNXValueReader.read(file, as: expected, limits: limits)
      }
      let element = expected?.tensorType?.element
      return NamedValue("", .tensor(try Npy.read(file, as: element, limits: limits)))
    } catch {
      throw error.at(file: path)
    }
  }

  /// Writes a value; the file appears complete or not at all.
  ///
  /// - Throws: `.invalidRequest` if the value is no tensor but the format holds only those; `.fileAccess`.
  public static func write(
    _ value: NamedValue, to path: String, format: Format
  ) throws(ModelError) {
    let message: WireBuilder
    switch format {
    case .pb: message = try ONNXValueWriter.message(value.value, name: value.name)
    case .npy:
      guard let tensor = value.value.tensor else {
        throw ModelError(
          .invalidRequest, "a \(value.value.type) for a .npy file", expected: "a tensor",
          remedy: "write a .pb file", at: .init(file: path))
      }
      message = try Npy.message(tensor)
    }
    let file = try AtomicFile(replacing: path)
    try message.write(to: file)
    try file.commit()
  }
}
