/// NumPy's `.npy` files: one array each.
///
/// Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays", versions 1 to 3.
public enum NpyFile {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Reads an array of numbers, truth values or text; arrays in Fortran order or of foreign byte order are put in ours.
  ///
  /// - Throws: `.fileAccess`, `.malformed`, `.elementTypeMismatch` for objects and records, `.limitExceeded`.
  public static func read(
    _ path: String, limits: ReadLimits = .default
  ) throws(ModelError) -> Tensor {
    let file = try MappedFile(path: path)
    do throws(ModelError) { return try read(file.bytes, limits) } catch {
      throw error.at(file: path)
    }
  }

  static func read(
    _ bytes: UnsafeRawBufferPointer, _ limits: ReadLimits
  ) throws(ModelError) -> Tensor {
    guard bytes.count >= 10, bytes.prefix(6).elementsEqual(magic) else {
      throw ModelError(
        .malformed, "no array of NumPy's .npy format", expected: "the bytes 93 4E 55 4D 50 59")
    }
    let wide = bytes[6] >= 2
    let start = wide ? 12 : 10
    guard bytes[6] >= 1, bytes[6] <= 3, bytes.count >= start else {
      throw ModelError(.malformed, "version \(bytes[6]) of the .npy format", expected: "1 to 3")
    }
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if wide { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    guard length <= bytes.count - start else {
      throw ModelError(
        .malformed, "a header of \(length) bytes in a file of \(bytes.count)",
        expected: "at most \(bytes.count - start)")
    }
    let text = String(decoding: bytes[start..<start + length], as: UTF8.self)
    let header = try NpyHeader(text)
    return try header.tensor(UnsafeRawBufferPointer(rebasing: bytes[(start + length)...]), limits)
  }

  /// The bytes of a `.npy` file of version 1, in C order and little-endian.
  ///
  /// Element types that NumPy does not have are written as their bits: `bf16` as `<u2`, 8-bit floats as `|u1`,
  /// 2- and 4-bit elements one a byte as `|u1` or, with sign, `|i1`.
  public static func bytes(_ tensor: Tensor) throws(ModelError) -> [UInt8] {
    let (type, body) = try content(tensor)
    let extents = tensor.shape.map { "\($0)," }.joined(separator: " ")
    let shape = tensor.shape.count > 1 ? String(extents.dropLast()) : extents
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(shape)), }"
    let unpadded = 10 + header.utf8.count + 1
    header += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
    let count = header.utf8.count
    return magic + [1, 0, UInt8(count & 0xFF), UInt8(count >> 8)] + Array(header.utf8) + body
  }

  private static func content(_ tensor: Tensor) throws(ModelError) -> (String, [UInt8]) {
    if let strings = tensor.strings {
      let width = max(1, strings.map(\.unicodeScalars.count).max() ?? 1)
      var body: [UInt8] = []
      for string in strings {
        let scalars = string.unicodeScalars.map(\.value)
        for scalar in scalars + Array(repeating: 0, count: width - scalars.count) {
          body += (0..<4).map { UInt8(truncatingIfNeeded: scalar >> (8 * $0)) }
        }
      }
      return ("<U\(width)", body)
    }
    if tensor.elementType.isPacked {
      if tensor.elementType.isSignedInteger {
        return ("|i1", try tensor.doubles().map { UInt8(bitPattern: Int8($0)) })
      }
      return ("|u1", try tensor.unpackedCodes())
    }
    let type = NpyHeader.types.first { $0.element == tensor.elementType }?.code
    let bits = tensor.elementType == .bf16 ? "u2" : "u1"
    let code = type ?? bits
    let order = tensor.elementType.bitWidth == 8 ? "|" : "<"
    return (order + code, try tensor.withBytes { (bytes) throws(ModelError) in Array(bytes) })
  }
}

/// What the header of a `.npy` file declares.
private struct NpyHeader {
  static let types: [(code: String, element: ElementType)] = [
    ("f4", .f32), ("f8", .f64), ("f2", .f16), ("i1", .i8), ("i2", .i16), ("i4", .i32),
    ("i8", .i64), ("u1", .u8), ("u2", .u16), ("u4", .u32), ("u8", .u64), ("b1", .bool),
    ("c8", .c64), ("c16", .c128),
  ]

  let element: ElementType
  /// Code points of one text, 0 for numbers.
  let textWidth: Int
  let isBigEndian: Bool
  let isFortranOrder: Bool
  let shape: [Int]

  /// Reads the literal of a Python dictionary, `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
  init(_ text: String) throws(ModelError) {
    guard let descr = Self.value("descr", text), descr.hasPrefix("'"),
      let order = Self.value("fortran_order", text), let shape = Self.value("shape", text)
    else {
      throw ModelError(.malformed, "a header without 'descr', 'fortran_order' and 'shape'")
    }
    let type = descr.dropFirst().prefix { $0 != "'" }
    isBigEndian = type.hasPrefix(">")
    isFortranOrder = order.hasPrefix("True")
    let code = type.drop { "<>|=".contains($0) }
    if code.hasPrefix("U"), let width = Int(code.dropFirst()), width >= 0, width < 1 << 24 {
      element = .string
      textWidth = width
    } else if let match = Self.types.first(where: { $0.code == code }) {
      element = match.element
      textWidth = 0
    } else {
      throw ModelError(
        .elementTypeMismatch, "an array of '\(type)'", expected: "numbers, truth values or text",
        remedy: "convert it with astype() before saving")
    }
    guard shape.hasPrefix("("), let end = shape.firstIndex(of: ")") else {
      throw ModelError(.malformed, "a shape that is no tuple")
    }
    let extents = shape[shape.index(after: shape.startIndex)..<end].split(separator: ",")
      .map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    let numbers = extents.compactMap { Int($0) }
    guard numbers.count == extents.count, numbers.count <= 64 else {
      throw ModelError(.malformed, "a shape that is no tuple of numbers")
    }
    self.shape = numbers
  }

  private static func value(_ key: String, _ text: String) -> Substring? {
    guard let range = text.firstRange(of: "'\(key)'") else { return nil }
    return text[range.upperBound...].drop { $0 == " " || $0 == ":" }
  }

  func tensor(
    _ body: UnsafeRawBufferPointer, _ limits: ReadLimits
  ) throws(ModelError) -> Tensor {
    let count = try Tensor.count(of: shape)
    let width = element == .string ? 4 * textWidth : element.bitWidth / 8
    let (size, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow, size <= body.count else {
      throw ModelError(
        .malformed, "\(body.count) bytes for an array \(element) \(shape)",
        expected: overflow ? nil : "\(size) bytes")
    }
    guard size <= limits.tensorBytes, count <= limits.tensorBytes else {
      throw ModelError(
        .limitExceeded, "an array of \(size) bytes", expected: "at most \(limits.tensorBytes)")
    }
    let positions = isFortranOrder ? fortranPositions(count) : nil
    if element == .string { return try text(body, count, positions) }
    let part = element.isComplex ? width / 2 : width
    return try Tensor(element, shape: shape) { (bytes) throws(ModelError) in
      for index in 0..<count {
        let from = (positions?[index] ?? index) * width
        for byte in 0..<width {
          let swapped = byte / part * part + (part - 1 - byte % part)
          bytes[index * width + byte] = body[from + (isBigEndian ? swapped : byte)]
        }
      }
      if element == .bool {
        for index in bytes.indices { bytes[index] = bytes[index] == 0 ? 0 : 1 }
      }
    }
  }

  private func text(
    _ body: UnsafeRawBufferPointer, _ count: Int, _ positions: [Int]?
  ) throws(ModelError) -> Tensor {
    var strings: [String] = []
    for index in 0..<count {
      var scalars = String.UnicodeScalarView()
      for position in 0..<textWidth {
        let start = ((positions?[index] ?? index) * textWidth + position) * 4
        let bytes = (0..<4).map { UInt32(body[start + (isBigEndian ? 3 - $0 : $0)]) << (8 * $0) }
        guard let scalar = Unicode.Scalar(bytes.reduce(0, |)) else {
          throw ModelError(.malformed, "a code point that Unicode does not have")
        }
        scalars.append(scalar)
      }
      while scalars.last?.value == 0 { scalars.removeLast() }
      strings.append(String(scalars))
    }
    return try Tensor(strings: strings, shape: shape)
  }

  /// Where each element, in row-major order, lies in column-major order.
  private func fortranPositions(_ count: Int) -> [Int] {
    var strides: [Int] = []
    var stride = 1
    for extent in shape {
      strides.append(stride)
      stride *= extent
    }
    return (0..<count).map { index in
      var rest = index
      var position = 0
      for axis in shape.indices.reversed() {
        position += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      return position
    }
  }
}
