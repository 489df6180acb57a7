import CSchemas

/// Turns the graph message of a .zoo file into a model. Every number that refers to a row is checked; nothing that
/// the message declares is allocated before it is compared with the limits and with the size of the file.
struct ModelUnpacker {
  let file: MappedFile
  let limits: ReadLimits
  let message: Zoo__Model
  var text = TextRows()
  var extents: [Dimension] = []
  var types: [ValueType] = []
  var blobs: [BlobReader] = []
  var tensors: [Weight] = []
  var sparse: [SparseTensor] = []
  var decodedBytes = 0

  /// - Parameter dataEnd: Where the data section ends and the graph begins.
  static func unpack(
    _ message: Zoo__Model, of file: MappedFile, dataEnd: Int, limits: ReadLimits
  ) throws(ModelError) -> Model {
    var unpacker = ModelUnpacker(file: file, limits: limits, message: message)
    unpacker.text = try TextRows(message)
    try unpacker.readExtents()
    try unpacker.readTypes()
    try unpacker.readBlobs(dataEnd: dataEnd)
    try unpacker.readTensors()
    try unpacker.readSparse()
    return try unpacker.model()
  }

  private init(file: MappedFile, limits: ReadLimits, message: Zoo__Model) {
    self.file = file
    self.limits = limits
    self.message = message
  }

  private mutating func model() throws(ModelError) -> Model {
    var model = Model(irVersion: Int(message.ir_version), opsets: [])
    model.producerName = try text(message.producer_name)
    model.producerVersion = try text(message.producer_version)
    model.domain = try text(message.domain)
    model.version = message.version
    model.documentation = try text(message.documentation)
    model.opsets = try opsets(rows(message.opsets, message.n_opsets))
    model.metadata = try metadata(numbers(message.metadata, message.n_metadata))
    for row in rows(message.values, message.n_values) { model.values.append(try value(row)) }
    let operators = try readOperators()
    model.graphs = []
    for row in rows(message.graphs, message.n_graphs) {
      model.graphs.append(try graph(row, operators))
    }
    guard !model.graphs.isEmpty else { throw .badGraph("a model without a graph") }
    for row in rows(message.functions, message.n_functions) {
      model.functions.append(try function(row))
    }
    for row in rows(message.assets, message.n_assets) { model.assets.append(try asset(row)) }
    model.cases = try readCases()
    return model
  }

  func text(_ number: UInt32) throws(ModelError) -> String { try text.string(number) }

  func texts(_ numbers: UnsafeBufferPointer<UInt32>) throws(ModelError) -> [String] {
    var strings: [String] = []
    for number in numbers { strings.append(try text(number)) }
    return strings
  }

  func opsets(
    _ rows: UnsafeBufferPointer<UnsafeMutablePointer<Zoo__Opset>?>
  ) throws(ModelError) -> [OpsetImport] {
    var opsets: [OpsetImport] = []
    for row in rows {
      let row = try present(row)
      opsets.append(OpsetImport(try text(row.domain), Int(row.version)))
    }
    return opsets
  }

  func metadata(_ numbers: UnsafeBufferPointer<UInt32>) throws(ModelError) -> [MetadataEntry] {
    guard numbers.count % 2 == 0 else {
      throw .badGraph("\(numbers.count) texts of metadata", expected: "an even number")
    }
    var entries: [MetadataEntry] = []
    for index in stride(from: 0, to: numbers.count, by: 2) {
      entries.append(MetadataEntry(try text(numbers[index]), try text(numbers[index + 1])))
    }
    return entries
  }

  /// The element of `table` that `row` counts from 0.
  func element<T>(_ table: [T], _ row: UInt32, _ what: String) throws(ModelError) -> T {
    guard Int(row) < table.count else { throw .badRow(what, row, of: table.count) }
    return table[Int(row)]
  }

  func elementType(_ number: UInt32) throws(ModelError) -> ElementType {
    guard let raw = Int32(exactly: number), let type = ElementType(rawValue: raw) else {
      throw .badGraph("element type \(number)", expected: "a number of ONNX's TensorProto.DataType")
    }
    return type
  }

  /// Extents of a tensor whose shape is known.
  func shape(_ extents: UnsafeBufferPointer<UInt64>) throws(ModelError) -> [Int] {
    var shape: [Int] = []
    for extent in extents {
      guard let extent = Int(exactly: extent) else {
        throw .overLimit("an extent of \(extent)", "tensorBytes", limits.tensorBytes)
      }
      shape.append(extent)
    }
    return shape
  }
}

/// The rows of a repeated field; libprotobuf-c leaves the pointer `nil` if there are none.
func rows<T>(
  _ start: UnsafeMutablePointer<UnsafeMutablePointer<T>?>?, _ count: Int
) -> UnsafeBufferPointer<UnsafeMutablePointer<T>?> {
  UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)
}

func numbers<T>(_ start: UnsafeMutablePointer<T>?, _ count: Int) -> UnsafeBufferPointer<T> {
  UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)
}

func bytes(_ data: ProtobufCBinaryData) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len)
}

func present<T>(_ row: UnsafeMutablePointer<T>?) throws(ModelError) -> T {
  guard let row else { throw .badMessage("a row that is missing") }
  return row.pointee
}

/// The interned text of a file.
struct TextRows {
  private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
  private var starts: [Int] = [0]
  private var strings: [String?] = []

  init() {}

  /// - Throws: `.malformed` unless the lengths add up to the bytes.
  init(_ message: Zoo__Model) throws(ModelError) {
    bytes = ModelFormat.bytes(message.text)
    let lengths = numbers(message.text_lengths, message.n_text_lengths)
    starts.reserveCapacity(lengths.count + 1)
    for length in lengths {
      let end = starts[starts.count - 1] + Int(length)
      guard end <= bytes.count else {
        throw .badGraph("text of \(bytes.count) bytes", expected: "at least \(end)")
      }
      starts.append(end)
    }
    guard starts[starts.count - 1] == bytes.count else {
      throw .badGraph("text of \(bytes.count) bytes", expected: "\(starts[starts.count - 1])")
    }
    strings = (0..<lengths.count).map { index in
      String(validating: bytes[starts[index]..<starts[index + 1]], as: UTF8.self)
    }
  }

  /// The bytes of a text, UTF-8 or not.
  func bytes(_ number: UInt32) throws(ModelError) -> [UInt8] {
    if number == 0 { return [] }
    guard number < starts.count else { throw .badRow("text", number, of: starts.count) }
    return [UInt8](bytes[starts[Int(number) - 1]..<starts[Int(number)]])
  }

  func string(_ number: UInt32) throws(ModelError) -> String {
    if number == 0 { return "" }
    guard number < starts.count else { throw .badRow("text", number, of: starts.count) }
    guard let string = strings[Int(number) - 1] else {
      throw .badGraph("text \(number) that is not UTF-8")
    }
    return string
  }
}
