import CSchemas

/// The library's own format: graph, weights, assets and recorded cases in one file, small, lazily and safely read.
/// `schemas/container.md` and `schemas/zoo.proto` specify it.
public struct ZooFormat: ModelFileFormat {
  public init() {}

  public var name: String { "zoo" }
  public var fileExtensions: [String] { ["zoo"] }

  public func recognizes(_ bytes: UnsafeRawBufferPointer) -> FormatRecognition {
    ContainerHeader.isMarked(bytes) ? .yes : .no
  }

  /// Reads header and graph and checks all that they declare; weights stay in the file until they are asked for,
  /// assets and recorded cases are decoded at once.
  public func read(_ file: MappedFile, limits: ReadLimits) throws(ModelError) -> Model {
    let header = try ContainerHeader(file.bytes)
    let graph = try Self.graph(file, header, limits)
    return try TensorBytes.with(graph) { (bytes) throws(ModelError) in
      var budget = MessageBudget(limits)
      try withUnsafePointer(to: zoo__model__descriptor) { descriptor in
        Result { () throws(ModelError) in try budget.charge(bytes, descriptor) }
      }.get()
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard let message = zoo__model__unpack(nil, bytes.count, start) else {
        throw .badMessage("\(bytes.count) bytes that are no message")
      }
      defer { zoo__model__free_unpacked(message, nil) }
      return try ModelUnpacker.unpack(
        message.pointee, of: file, dataEnd: header.graphOffset, limits: limits)
    }
  }

  private static func graph(
    _ file: MappedFile, _ header: ContainerHeader, _ limits: ReadLimits
  ) throws(ModelError) -> [UInt8] {
    let stored = UnsafeRawBufferPointer(
      rebasing: file.bytes[header.graphOffset..<header.fileBytes])
    let checksum = crc32c(stored)
    guard isChecksum(checksum, header.graphChecksum) else {
      throw .checksum("the graph", header.graphChecksum, checksum)
    }
    guard header.graphBytes <= limits.graphBytes else {
      throw .overLimit("a graph of \(header.graphBytes) bytes", "graphBytes", limits.graphBytes)
    }
    switch header.graphCodec {
    case .raw:
      guard stored.count == header.graphBytes else {
        throw .badGraph("a graph of \(stored.count) bytes", expected: "\(header.graphBytes)")
      }
      return [UInt8](stored)
    case .zstd:
      let zstd = try ZstdDecompressor()
      var graph = [UInt8](repeating: 0, count: header.graphBytes)
      guard graph.withUnsafeMutableBytes({ zstd.decompress(stored, into: $0) }) else {
        throw .badGraph(
          "a zstd frame that does not decode to the graph's \(header.graphBytes) bytes")
      }
      return graph
    }
  }

  public func write(
    _ model: Model, to path: String, options: WriteOptions
  ) throws(ModelError) {
    let file = try AtomicFile(replacing: path)
    let blobs = BlobWriter(file, level: options.level)
    let graph = try ModelPacker.pack(model, blobs)
    try blobs.align(to: TensorBuffer.alignment)
    let (codec, stored) = try Self.store(graph, options.level)
    let header = ContainerHeader(
      graphCodec: codec, fileBytes: blobs.offset + stored.count, graphOffset: blobs.offset,
      graphStoredBytes: stored.count, graphBytes: graph.count,
      graphChecksum: stored.withUnsafeBytes { crc32c($0) })
    try TensorBytes.with(stored) { (bytes) throws(ModelError) in
      try file.write(bytes, at: header.graphOffset)
    }
    try TensorBytes.with(header.bytes) { (bytes) throws(ModelError) in
      try file.write(bytes, at: 0)
    }
    try file.truncate(to: header.fileBytes)
    try file.commit()
  }

  private static func store(
    _ graph: [UInt8], _ level: CompressionLevel
  ) throws(ModelError) -> (ContainerHeader.GraphCodec, [UInt8]) {
    let zstd = try ZstdCompressor()
    let effort: Int32 =
      switch level {
      case .fast: 3
      case .default: 12
      case .max: 19
      }
    var frame = [UInt8](repeating: 0, count: graph.count)
    let size = graph.withUnsafeBytes { graph in
      frame.withUnsafeMutableBytes { zstd.compress(graph, into: $0, effort: .level(effort)) }
    }
    return size.map { (.zstd, Array(frame[..<$0])) } ?? (.raw, graph)
  }
}
