/// Indices as kernels take them: 64 bits, none negative.
enum IndexReader {
  /// Copies indices of `i32` or `i64`, counts negative ones from the end, and checks all of them.
  ///
  /// - Throws: `.outOfRange` unless −extent ≤ index < extent.
  static func read(
    _ source: UnsafeRawPointer, _ element: ElementType, count: Int, extent: Int,
    into indices: UnsafeMutablePointer<Int64>
  ) throws(ModelError) {
    if element == .i32 {
      let source = source.assumingMemoryBound(to: Int32.self)
      for i in 0..<count { indices[i] = Int64(source[i]) }
    } else {
      indices.update(from: source.assumingMemoryBound(to: Int64.self), count: count)
    }
    let limit = Int64(extent)
    for i in 0..<count {
      let index = indices[i]
      guard index >= -limit, index < limit else {
        throw ModelError(
          .outOfRange, "index \(index) at place \(i)",
          expected: extent == 0 ? "an axis with elements" : "\(-extent) ... \(extent - 1)")
      }
      if index < 0 { indices[i] = index + limit }
    }
  }
}
