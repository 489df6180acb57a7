import ModelFormat

/// Tensors of a `.safetensors` file: eight bytes with the length of a JSON header, the header, and the data.
///
/// The reader trusts nothing: the header must fit the file and name each tensor once; the tensors must be of known
/// types, take exactly the bytes that their shapes say, and cover the data without overlap or hole.
package struct Safetensors: Sendable {
  /// Bytes of the header.
  static let headerLimit = 100_000_000

  private let file: MappedFile
  private let entries: [String: Entry]
  private let dataStart: Int

  struct Entry: Sendable {
    var name: String
    var element: ElementType
    var shape: [Int]
    var range: Range<Int>
  }

  private static let elementTypes: [String: ElementType] = [
    "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "I64": .i64, "I32": .i32, "I16": .i16,
    "I8": .i8, "U64": .u64, "U32": .u32, "U16": .u16, "U8": .u8, "BOOL": .bool,
    "F8_E4M3": .f8e4m3fn, "F8_E5M2": .f8e5m2,
  ]

  package init(_ file: MappedFile, limits: ReadLimits = .default) throws(ModelError) {
    let bytes = file.bytes
    guard bytes.count >= 8 else {
      throw Self.error("\(bytes.count) bytes", "at least the 8 of the header's length")
    }
    let length = bytes.loadUnaligned(as: UInt64.self).littleEndian
    guard length <= Self.headerLimit, length <= UInt64(bytes.count - 8) else {
      throw Self.error(
        "a header of \(length) bytes", "at most \(min(Self.headerLimit, bytes.count - 8))")
    }
    dataStart = 8 + Int(length)
    let header = try JSONReader(JSON(parsing: Array(bytes[8..<dataStart])), path: "header")
    guard header.members.count <= limits.rows else {
      throw ModelError(
        .limitExceeded, "\(header.members.count) tensors", expected: "at most \(limits.rows)")
    }
    var entries: [String: Entry] = [:]
    for member in header.members where member.name != "__metadata__" {
      let entry = try Self.entry(member.name, JSONReader(member.value, path: member.name))
      guard entries.updateValue(entry, forKey: member.name) == nil else {
        throw Self.error("tensor '\(member.name)' twice", "a name of its own for each tensor")
      }
    }
    try Self.checkCover(Array(entries.values), bytes.count - dataStart)
    self.file = file
    self.entries = entries
  }

  private static func error(_ found: String, _ expected: String) -> ModelError {
    ModelError(.malformed, found, expected: expected)
  }

  private static func entry(_ name: String, _ json: JSONReader) throws(ModelError) -> Entry {
    let type = try json.string("dtype")
    guard let element = elementTypes[type] else {
      throw json.error(
        "dtype", "'\(type)'", expected: elementTypes.keys.sorted().joined(separator: ", "))
    }
    let shape = try integers(json, "shape")
    let offsets = try integers(json, "data_offsets")
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw json.error("data_offsets", "\(offsets)", expected: "a start and an end behind it")
    }
    let count = try Tensor.byteCount(element, shape: shape)
    guard count == offsets[1] - offsets[0] else {
      throw json.error(
        "data_offsets", "\(offsets[1] - offsets[0]) bytes",
        expected: "\(count) for \(type) \(shape)")
    }
    return Entry(name: name, element: element, shape: shape, range: offsets[0]..<offsets[1])
  }

  private static func integers(
    _ json: JSONReader, _ name: String
  ) throws(ModelError) -> [Int] {
    guard json.value(name) != nil else {
      throw json.error(name, "nothing", expected: "an array of integers")
    }
    var numbers: [Int] = []
    for element in try json.elements(name) {
      guard case .int(let number) = element, number >= 0 else {
        throw json.error(name, element.text(), expected: "integers from 0 on")
      }
      numbers.append(number)
    }
    return numbers
  }

  private static func checkCover(_ entries: [Entry], _ size: Int) throws(ModelError) {
    var end = 0
    for entry in entries.sorted(by: {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }) {
      guard entry.range.lowerBound == end else {
        let what = entry.range.lowerBound < end ? "an overlap" : "a hole"
        throw error(
          "\(what) before tensor '\(entry.name)' at byte \(entry.range.lowerBound) of the data",
          "the tensor at byte \(end)")
      }
      end = entry.range.upperBound
    }
    guard end == size else {
      throw error("\(size) bytes of data", "\(end), which the tensors cover")
    }
  }

  package var names: [String] { entries.keys.sorted() }

  package func type(_ name: String) -> TensorType? {
    entries[name].map { TensorType($0.element, $0.shape) }
  }

  /// A tensor, as a view of the file where its bytes are aligned.
  ///
  /// - Throws: `.malformed` if there is no such tensor.
  package func tensor(_ name: String) throws(ModelError) -> Tensor {
    guard let entry = entries[name] else {
      throw Self.error("no tensor '\(name)'", "that tensor among the \(entries.count) of the file")
    }
    return try file.tensor(
      entry.element, shape: entry.shape, at: dataStart + entry.range.lowerBound)
  }
}
