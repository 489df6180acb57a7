extension MappedFile {
  /// A tensor of the packed elements at `offset`: a view of the file if they are aligned, else a copy.
  ///
  /// - Throws: `.malformed` unless the elements lie inside the file.
  package func tensor(
    _ elementType: ElementType, shape: [Int], at offset: Int
  ) throws(ModelError) -> Tensor {
    let count = try Tensor.byteCount(elementType, shape: shape)
    guard offset >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      throw ModelError(
        .malformed, "\(count) bytes of a tensor at byte \(offset) of \(bytes.count)",
        at: .init(file: path))
    }
    let source = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    // A Swift Bool must be 0 or 1; files may hold any byte.
    if elementType != .bool, let start = source.baseAddress,
      Int(bitPattern: start) % elementType.alignment == 0
    {
      let buffer = TensorBuffer(viewing: start, byteCount: count, owner: self)
      return try Tensor(elementType, shape: shape, sharing: buffer)
    }
    return try Tensor(elementType, shape: shape) { target in
      target.copyMemory(from: source)
      release(offset..<offset + count)
      if elementType == .bool {
        for index in target.indices where target[index] > 1 { target[index] = 1 }
      }
    }
  }
}

extension ElementType {
  /// The alignment in bytes that one element, or one part of a complex number, needs in memory.
  package var alignment: Int {
    switch self {
    case .c64: 4
    case .c128: 8
    default: max(1, bitWidth / 8)
    }
  }
}
