import CSchemas

/// Turns a model into the graph message of a .zoo file, and gives its weights and assets to a `BlobWriter`.
///
/// Tables fill up in the order in which the model is walked, so equal models give equal bytes.
struct ModelPacker {
  let arena = MessageArena()
  var text = TextTable()
  var extents = RowTable<ExtentRow>()
  var types = RowTable<TypeRow>()
  var operators = RowTable<OperatorRow>()
  var tensors: [UnsafeMutablePointer<Zoo__Tensor>?] = []
  var sparse: [UnsafeMutablePointer<Zoo__Sparse>?] = []
  var data: [UnsafeMutablePointer<Zoo__Datum>?] = []
  let blobs: BlobWriter
  let valueNames: [String]
  let graphCount: Int

  /// Tensors up to this size lie in the graph message: a row of the index would cost as much.
  static let inlineBytes = 256

  /// The packed message. Blobs are written on the way.
  ///
  /// - Throws: `.invalidGraph` if the model refers to values or graphs that it does not have; what its weights or the
  ///   file throw.
  static func pack(_ model: Model, _ blobs: BlobWriter) throws(ModelError) -> [UInt8] {
    var packer = ModelPacker(
      blobs: blobs, valueNames: model.values.map(\.name), graphCount: model.graphs.count)
    let message = try packer.message(model)
    let size = zoo__model__get_packed_size(message)
    return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
      count = zoo__model__pack(message, bytes.baseAddress)
    }
  }

  private init(blobs: BlobWriter, valueNames: [String], graphCount: Int) {
    self.blobs = blobs
    self.valueNames = valueNames
    self.graphCount = graphCount
  }

  private mutating func message(
    _ model: Model
  ) throws(ModelError) -> UnsafeMutablePointer<Zoo__Model>? {
    guard !model.graphs.isEmpty else { throw ModelError(.invalidGraph, "a model without a graph") }
    return try arena.message(zoo__model__init) { (m) throws(ModelError) in
      m.ir_version = Int64(model.irVersion)
      m.producer_name = text.number(of: model.producerName)
      m.producer_version = text.number(of: model.producerVersion)
      m.domain = text.number(of: model.domain)
      m.version = model.version
      m.documentation = text.number(of: model.documentation)
      (m.n_opsets, m.opsets) = arena.array(try opsets(model.opsets))
      (m.n_metadata, m.metadata) = arena.array(metadata(model.metadata))
      (m.n_values, m.values) = arena.array(
        try rows(model.values) { p, v throws(ModelError) in
          try p.value(v)
        })
      (m.n_graphs, m.graphs) = arena.array(
        try rows(model.graphs) { p, g throws(ModelError) in
          try p.graph(g)
        })
      (m.n_functions, m.functions) = arena.array(
        try rows(model.functions) { p, f throws(ModelError) in try p.function(f) })
      (m.n_cases, m.cases) = arena.array(
        try rows(model.cases) { p, c throws(ModelError) in
          try p.recordedCase(c)
        })
      (m.n_assets, m.assets) = arena.array(
        try rows(model.assets) { p, a throws(ModelError) in
          try p.asset(a)
        })
      try fillTables(&m)
    }
  }

  /// Tables that the walk has filled.
  private mutating func fillTables(_ m: inout Zoo__Model) throws(ModelError) {
    (m.n_tensors, m.tensors) = arena.array(tensors)
    (m.n_sparse, m.sparse) = arena.array(sparse)
    (m.n_data, m.data) = arena.array(data)
    (m.n_types, m.types) = arena.array(
      try rows(types.rows) { p, t throws(ModelError) in
        try p.message(t)
      })
    (m.n_extents, m.extents) = arena.array(
      try rows(extents.rows) { p, e throws(ModelError) in
        try p.message(e)
      })
    (m.n_operators, m.operators) = arena.array(
      try rows(operators.rows) { p, o throws(ModelError) in try p.message(o) })
    (m.n_blobs, m.blobs) = arena.array(
      try rows(blobs.blobs) { p, b throws(ModelError) in
        try p.message(b)
      })
    m.text = arena.bytes(text.bytes)
    (m.n_text_lengths, m.text_lengths) = arena.array(text.lengths)
  }

  /// One message for each of `items`.
  mutating func rows<Item, T>(
    _ items: [Item],
    _ message: (inout ModelPacker, Item) throws(ModelError) -> UnsafeMutablePointer<T>?
  ) throws(ModelError) -> [UnsafeMutablePointer<T>?] {
    var rows: [UnsafeMutablePointer<T>?] = []
    rows.reserveCapacity(items.count)
    for item in items { rows.append(try message(&self, item)) }
    return rows
  }

  mutating func texts(_ strings: [String]) -> [UInt32] {
    var numbers: [UInt32] = []
    for string in strings { numbers.append(text.number(of: string)) }
    return numbers
  }

  mutating func metadata(_ entries: [MetadataEntry]) -> [UInt32] {
    texts(entries.flatMap { [$0.key, $0.value] })
  }

  mutating func opsets(
    _ imports: [OpsetImport]
  ) throws(ModelError) -> [UnsafeMutablePointer<Zoo__Opset>?] {
    try rows(imports) { packer, opset throws(ModelError) in
      try packer.arena.message(zoo__opset__init) { m in
        m.domain = packer.text.number(of: opset.domain)
        m.version = Int64(opset.version)
      }
    }
  }

  private mutating func asset(
    _ asset: Asset
  ) throws(ModelError) -> UnsafeMutablePointer<Zoo__Asset>? {
    try arena.message(zoo__asset__init) { (m) throws(ModelError) in
      m.name = text.number(of: asset.name)
      m.media_type = text.number(of: asset.mediaType)
      if asset.bytes.count <= Self.inlineBytes {
        m.bytes = arena.bytes(asset.bytes)
      } else {
        m.blob = try blobs.add(.bytes(asset.bytes))
      }
    }
  }

  private func message(_ blob: Blob) throws(ModelError) -> UnsafeMutablePointer<Zoo__Blob>? {
    try arena.message(zoo__blob__init) { m in
      m.byte_count = UInt64(blob.byteCount)
      m.encoding = blob.encoding == .raw ? ZOO__ENCODING__RAW : ZOO__ENCODING__CHUNKS
      m.chunk_bytes = UInt32(blob.chunkBytes)
      (m.n_stored, m.stored) = arena.array(blob.stored)
      (m.n_checksums, m.checksums) = arena.array(blob.checksums)
      m.palette = arena.bytes(blob.palette)
    }
  }
}
