import CSchemas

// Blobs, tensors, assets and recorded cases.
extension ModelUnpacker {
  /// Blobs lie one after the other, raw ones from the next multiple of 64 on, and fill the data section. So their
  /// places follow from their sizes, and none can overlap another or leave the file.
  mutating func readBlobs(dataEnd: Int) throws(ModelError) {
    var offset = ContainerHeader.byteCount
    for (index, row) in rows(message.blobs, message.n_blobs).enumerated() {
      do throws(ModelError) {
        let blob = try blob(try present(row))
        let start = try skipPadding(from: offset, to: blob.alignment, end: dataEnd)
        guard blob.storedByteCount <= dataEnd - start else {
          throw .badGraph(
            "\(blob.storedByteCount) bytes at \(start)", expected: "at most \(dataEnd - start)")
        }
        blobs.append(BlobReader(blob, at: start, in: file))
        offset = start + blob.storedByteCount
      } catch {
        throw error.at(operand: "blob \(index)")
      }
    }
    let end = try skipPadding(from: offset, to: TensorBuffer.alignment, end: dataEnd)
    guard end == dataEnd else {
      throw .badGraph("\(dataEnd - end) bytes that belong to no blob", expected: "none")
    }
  }

  private func skipPadding(from offset: Int, to alignment: Int, end: Int) throws(ModelError) -> Int
  {
    let start = (offset + alignment - 1) / alignment * alignment
    guard start <= end else {
      throw .badGraph("a data section that ends at \(end)", expected: "\(start) or more")
    }
    guard file.bytes[offset..<start].allSatisfy({ $0 == 0 }) else {
      throw ModelError(
        .corrupted, "padding at \(offset) that is not zero",
        remedy: "fetch the file again: it is damaged")
    }
    return start
  }

  private func blob(_ row: Zoo__Blob) throws(ModelError) -> Blob {
    guard let byteCount = Int(exactly: row.byte_count), byteCount <= limits.tensorBytes else {
      throw .overLimit("\(row.byte_count) decoded bytes", "tensorBytes", limits.tensorBytes)
    }
    let chunkBytes = Int(row.chunk_bytes)
    guard chunkBytes > 0, chunkBytes <= ChunkLimits.maximalBytes,
      chunkBytes % ChunkLimits.multiple == 0
    else {
      throw .badGraph(
        "chunks of \(chunkBytes) bytes",
        expected: "a multiple of \(ChunkLimits.multiple) up to \(ChunkLimits.maximalBytes)")
    }
    var blob = Blob(byteCount: byteCount, encoding: .raw, chunkBytes: chunkBytes)
    blob.stored = Array(numbers(row.stored, row.n_stored))
    blob.checksums = Array(numbers(row.checksums, row.n_checksums))
    blob.palette = [UInt8](bytes(row.palette))
    switch row.encoding {
    case ZOO__ENCODING__RAW: blob.encoding = .raw
    case ZOO__ENCODING__CHUNKS: blob.encoding = .chunks
    default: blob.encoding = .unknown(row.encoding.rawValue)
    }
    let sizes = blob.encoding == .raw ? 0 : blob.chunkCount
    if case .unknown = blob.encoding { return blob }
    guard blob.checksums.count == blob.chunkCount, blob.stored.count == sizes else {
      throw .badGraph(
        "\(blob.stored.count) sizes and \(blob.checksums.count) checksums of chunks",
        expected: "\(sizes) and \(blob.chunkCount)")
    }
    return blob
  }

  mutating func readTensors() throws(ModelError) {
    let names = try constantNames()
    for (index, row) in rows(message.tensors, message.n_tensors).enumerated() {
      let name = names[UInt32(index)].map { "'\($0)'" } ?? "tensor \(index)"
      do throws(ModelError) {
        tensors.append(try tensor(try present(row), name))
      } catch {
        throw error.at(operand: name)
      }
    }
  }

  /// What messages call a tensor: the name of the value that it is.
  private func constantNames() throws(ModelError) -> [UInt32: String] {
    let values = rows(message.values, message.n_values)
    var names: [UInt32: String] = [:]
    for graph in rows(message.graphs, message.n_graphs) {
      let graph = try present(graph)
      let pairs = zip(
        numbers(graph.constants, graph.n_constants), numbers(graph.tensors, graph.n_tensors))
      for (value, tensor) in pairs where Int(value) < values.count {
        names[tensor] = try text(try present(values[Int(value)]).name)
      }
    }
    return names
  }

  private mutating func tensor(_ row: Zoo__Tensor, _ name: String) throws(ModelError) -> Weight {
    let elementType = try elementType(row.element)
    let shape = try shape(numbers(row.extents, row.n_extents))
    let byteCount = try Tensor.byteCount(elementType, shape: shape)
    guard row.blob > 0 else {
      try charge(row.bytes.len, elementType)
      let tensor = try TensorBytes.tensor(elementType, shape: shape, bytes(row.bytes))
      return Weight(tensor)
    }
    guard row.blob <= blobs.count else { throw .badRow("blob", row.blob - 1, of: blobs.count) }
    let reader = blobs[Int(row.blob) - 1]
    if elementType == .string {
      let lengths = try Tensor.count(of: shape).multipliedReportingOverflow(
        by: TensorBytes.lengthBytes)
      guard !lengths.overflow, lengths.partialValue <= reader.blob.byteCount else {
        throw .badGraph("\(reader.blob.byteCount) bytes for strings \(shape)")
      }
    } else if byteCount != reader.blob.byteCount {
      throw .badGraph(
        "\(reader.blob.byteCount) bytes for a tensor \(elementType) \(shape)",
        expected: "\(byteCount)")
    }
    // Raw elements are used where they lie and cost no memory.
    if reader.blob.encoding != .raw || elementType == .string {
      try charge(reader.blob.byteCount, elementType)
    }
    return Weight(
      elementType, shape: shape,
      source: StoredTensor(elementType: elementType, shape: shape, name: name, reader: reader))
  }

  /// Counts bytes that will be decoded against the caller's budget.
  private mutating func charge(_ bytes: Int, _ elementType: ElementType?) throws(ModelError) {
    // A short string takes 16 bytes and has 4 bytes of length in the file.
    let cost = elementType == .string ? 5 * bytes : bytes
    guard cost <= limits.tensorBytes else {
      throw .overLimit("\(cost) decoded bytes", "tensorBytes", limits.tensorBytes)
    }
    decodedBytes += cost
    guard decodedBytes <= limits.decodedBytes else {
      throw .overLimit(
        "\(decodedBytes) or more decoded bytes in all", "decodedBytes", limits.decodedBytes)
    }
  }

  mutating func readSparse() throws(ModelError) {
    for (index, row) in rows(message.sparse, message.n_sparse).enumerated() {
      do throws(ModelError) {
        sparse.append(try sparse(try present(row)))
      } catch {
        throw error.at(operand: "sparse tensor \(index)")
      }
    }
  }

  /// What it takes with all zeros written out is charged, since that is how it is used.
  private mutating func sparse(_ row: Zoo__Sparse) throws(ModelError) -> SparseTensor {
    let values = try element(tensors, row.values, "tensor").tensor()
    let indices = try element(tensors, row.indices, "tensor").tensor()
    let shape = try shape(numbers(row.extents, row.n_extents))
    let sparse = try SparseTensor(checking: values, indices: indices, shape: shape)
    if values.elementType == .string {
      // An empty string has no bytes but its length.
      try charge(TensorBytes.lengthBytes * Tensor.count(of: shape), .string)
    } else {
      try charge(try Tensor.byteCount(values.elementType, shape: shape), values.elementType)
    }
    return sparse
  }

  mutating func asset(_ row: UnsafeMutablePointer<Zoo__Asset>?) throws(ModelError) -> Asset {
    let row = try present(row)
    let name = try text(row.name)
    guard row.blob <= blobs.count else { throw .badRow("blob", row.blob - 1, of: blobs.count) }
    do throws(ModelError) {
      let reader = row.blob > 0 ? blobs[Int(row.blob) - 1] : nil
      try charge(reader?.blob.byteCount ?? row.bytes.len, nil)
      return Asset(
        name: name, mediaType: try text(row.media_type),
        bytes: try reader?.allBytes() ?? [UInt8](bytes(row.bytes)))
    } catch {
      throw error.at(operand: "asset '\(name)'")
    }
  }
}
