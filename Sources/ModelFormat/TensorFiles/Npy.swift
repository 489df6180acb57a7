/// NumPy's `.npy` format, versions 1 ... 3: little- and big-endian, C and Fortran order, booleans, integers, floats,
/// complex numbers, and strings of fixed width (`U`, or `S` if it is UTF-8).
///
/// NumPy has no bfloat16, 8-bit floats or packed integers. Arrays of those are written as the `ml_dtypes` package has
/// NumPy write them: `V2` and `V1`; packed integers as `i1` and `u1`, one element a byte. Where such a type is expected,
/// its bits are also read from `u2` and `u1`.
///
/// Source: NumPy's `numpy.lib.format` documentation.
enum Npy {
  private static let mark: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  static func recognizes(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: mark) }

  /// - Parameter expected: The element type for which the bytes of `V1`, `i1` and `u1` arrays are meant.
  static func read(
    _ file: MappedFile, as expected: ElementType?, limits: ReadLimits
  ) throws(ModelError) -> Tensor {
    let (header, start) = try NpyHeader.read(file.bytes)
    let layout = try NpyLayout(header.descr, as: expected)
    let shape = header.isFortranOrder ? header.shape.reversed() : header.shape
    let count = try Tensor.count(of: shape)
    let (bytes, overflow) = count.multipliedReportingOverflow(by: layout.itemSize)
    guard !overflow, bytes <= limits.tensorBytes, count <= limits.tensorBytes / 16 || !layout.isText
    else {
      throw ModelError(
        .limitExceeded, "an array \(header.descr) \(header.shape)",
        expected: "at most \(limits.tensorBytes) bytes (ReadLimits.tensorBytes)",
        remedy: "raise the limit if you trust the file")
    }
    guard bytes == file.bytes.count - start else {
      throw ModelError(
        .malformed,
        "\(file.bytes.count - start) bytes for an array \(header.descr) \(header.shape)",
        expected: "\(bytes) bytes")
    }
    let source = UnsafeRawBufferPointer(rebasing: file.bytes[start...])
    let order = header.isFortranOrder ? NpyLayout.rowMajorOrder(of: header.shape) : nil
    if layout.isText {
      var strings: [String] = []
      for index in 0..<count { strings.append(try layout.string(source, order?[index] ?? index)) }
      return try Tensor(strings: strings, shape: header.shape)
    }
    if order == nil, !layout.isSwapped, !layout.element.isPacked {
      return try file.tensor(layout.element, shape: header.shape, at: start)
    }
    return try Tensor(layout.element, shape: header.shape) { target throws(ModelError) in
      try layout.copy(source, to: target, count: count, order: order)
    }
  }

  /// The bytes of a `.npy` file of version 1 (3 where the header needs it).
  static func message(_ tensor: Tensor) throws(ModelError) -> WireBuilder {
    let (descr, bytes) = try NpyLayout.describe(tensor)
    var shape = tensor.shape.map { "\($0)" }.joined(separator: ", ")
    if tensor.shape.count == 1 { shape += "," }
    var header = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(shape)), }".utf8)
    let prefix = header.count + 11 > Int(UInt16.max) ? 12 : 10
    let padding = (64 - (prefix + header.count + 1) % 64) % 64
    header += [UInt8](repeating: 0x20, count: padding) + [0x0A]
    var start = mark + [prefix == 10 ? 1 : 2, 0]
    withUnsafeBytes(of: UInt32(header.count).littleEndian) { start += $0.prefix(prefix - 8) }
    var message = WireBuilder()
    message.plain(start + header)
    if let bytes {
      message.plain(bytes)
    } else {
      message.plain(Weight(tensor), byteCount: tensor.byteCount)
    }
    return message
  }
}
