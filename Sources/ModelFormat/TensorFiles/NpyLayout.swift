/// How the elements of a `.npy` array lie in its file.
struct NpyLayout {
  let element: ElementType
  /// Bytes of one element in the file.
  let itemSize: Int
  /// Whether the bytes of each number are in the other order than in memory.
  let isSwapped: Bool
  /// Bytes of one number: half an element for complex ones, one character for `U` strings.
  let wordSize: Int

  var isText: Bool { element == .string }

  /// - Parameter descr: NumPy's type string: byte order, kind, size: `<f4`.
  init(_ descr: String, as expected: ElementType?) throws(ModelError) {
    let characters = Array(descr)
    guard characters.count >= 3, "<>|=".contains(characters[0]),
      let size = Int(String(characters[2...])), size > 0, size <= 1 << 24
    else { throw Self.unknown(descr) }
    let kind = characters[1]
    let isBig = characters[0] == ">"
    guard let element = Self.element(kind, size, as: expected) else { throw Self.unknown(descr) }
    self.element = element
    itemSize = kind == "U" ? 4 * size : size
    wordSize =
      switch kind {
      case "U": 4
      case "S", "V": 1
      case "c": size / 2
      default: size
      }
    isSwapped = isBig && wordSize > 1
  }

  private static func element(
    _ kind: Character, _ size: Int, as expected: ElementType?
  ) -> ElementType? {
    switch (kind, size) {
    case ("b", 1): return .bool
    case ("i", 1): return [.i4, .i2].contains(expected) ? expected : .i8
    case ("u", 1):
      let isBits = expected.map { $0.bitWidth <= 8 && ($0.isFloatingPoint || $0.isPacked) } ?? false
      return isBits && expected?.isSignedInteger == false ? expected : .u8
    case ("i", 2): return .i16
    case ("i", 4): return .i32
    case ("i", 8): return .i64
    case ("u", 2): return expected == .bf16 ? .bf16 : .u16
    case ("u", 4): return .u32
    case ("u", 8): return .u64
    case ("f", 2): return .f16
    case ("f", 4): return .f32
    case ("f", 8): return .f64
    case ("c", 8): return .c64
    case ("c", 16): return .c128
    case ("V", 2): return .bf16
    case ("V", 1):
      guard let expected, expected.bitWidth <= 8, expected.bitWidth > 0, expected != .bool else {
        return nil
      }
      return expected
    case ("U", _), ("S", _): return .string
    default: return nil
    }
  }

  private static func unknown(_ descr: String) -> ModelError {
    ModelError(
      .malformed, "a .npy array of type '\(descr)'",
      expected: "b1, i1 … i8, u1 … u8, f2 … f8, c8, c16, V2, U or S",
      remedy: "convert it with astype() before saving")
  }

  /// Copies elements into packed, little-endian, row-major bytes.
  ///
  /// - Parameter order: The position in the file of each element; `nil` if they are in order.
  /// - Throws: `.outOfRange` if a number does not fit a packed type.
  func copy(
    _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer, count: Int,
    order: [Int]?
  ) throws(ModelError) {
    if element.isPacked { target.initializeMemory(as: UInt8.self, repeating: 0) }
    for index in 0..<count {
      let start = (order?[index] ?? index) * itemSize
      if element.isPacked {
        try pack(source[start], index, target)
        continue
      }
      for byte in 0..<itemSize {
        let from = isSwapped ? byte / wordSize * wordSize + (wordSize - 1 - byte % wordSize) : byte
        target[index * itemSize + byte] = source[start + from]
      }
      if element == .bool, target[index] > 1 { target[index] = 1 }
    }
  }

  private func pack(
    _ byte: UInt8, _ index: Int, _ target: UnsafeMutableRawBufferPointer
  ) throws(ModelError) {
    let width = element.bitWidth
    let mask: UInt8 = 1 << width - 1
    let isNegative = element.isSignedInteger && Int8(bitPattern: byte) < 0
    let code = byte & mask
    let sign: UInt8 = isNegative ? ~mask : 0
    let keepsSign = !element.isSignedInteger || (code >> (width - 1) == 1) == isNegative
    guard code | sign == byte, keepsSign else {
      let value = element.isSignedInteger ? Int(Int8(bitPattern: byte)) : Int(byte)
      throw ModelError(.outOfRange, "\(value) at index \(index) of an array for \(element)")
    }
    guard let base = target.baseAddress else { return }
    PackedCodes(width: width).store(code, base, index)
  }

  /// The string at `index`, without the zeros that fill it up.
  func string(_ source: UnsafeRawBufferPointer, _ index: Int) throws(ModelError) -> String {
    let bytes = source[index * itemSize..<(index + 1) * itemSize]
    guard wordSize == 4 else {
      let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? bytes.startIndex
      guard let text = String(validating: bytes[bytes.startIndex..<end], as: UTF8.self) else {
        throw ModelError(.malformed, "string \(index) of a .npy array that is not UTF-8")
      }
      return text
    }
    var scalars = String.UnicodeScalarView()
    var pendingZeros = 0
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 4) {
      let word = source.loadUnaligned(fromByteOffset: start, as: UInt32.self)
      let code = isSwapped ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
      if code == 0 {
        pendingZeros += 1
        continue
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw ModelError(.malformed, "string \(index) of a .npy array with character \(code)")
      }
      for _ in 0..<pendingZeros { scalars.append("\0") }
      pendingZeros = 0
      scalars.append(scalar)
    }
    return String(scalars)
  }

  /// For each element in row-major order, its position in column-major order.
  static func rowMajorOrder(of shape: [Int]) -> [Int] {
    var strides: [Int] = []
    var stride = 1
    for extent in shape {
      strides.append(stride)
      stride *= extent
    }
    var order: [Int] = []
    order.reserveCapacity(stride)
    var index = [Int](repeating: 0, count: shape.count)
    var position = 0
    for _ in 0..<stride {
      order.append(position)
      for axis in shape.indices.reversed() {
        index[axis] += 1
        position += strides[axis]
        if index[axis] < shape[axis] { break }
        position -= strides[axis] * shape[axis]
        index[axis] = 0
      }
    }
    return order
  }

  /// NumPy's type string of a tensor, and the bytes to write if they are not its own.
  static func describe(_ tensor: Tensor) throws(ModelError) -> (descr: String, bytes: [UInt8]?) {
    switch tensor.elementType {
    case .bool: return ("|b1", nil)
    case .i8: return ("|i1", nil)
    case .u8: return ("|u1", nil)
    case .i16: return ("<i2", nil)
    case .i32: return ("<i4", nil)
    case .i64: return ("<i8", nil)
    case .u16: return ("<u2", nil)
    case .u32: return ("<u4", nil)
    case .u64: return ("<u8", nil)
    case .f16: return ("<f2", nil)
    case .f32: return ("<f4", nil)
    case .f64: return ("<f8", nil)
    case .c64: return ("<c8", nil)
    case .c128: return ("<c16", nil)
    case .bf16: return ("<V2", nil)
    case .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f8e8m0: return ("|V1", nil)
    case .i4, .i2: return ("|i1", try unpacked(tensor))
    case .u4, .u2: return ("|u1", try unpacked(tensor))
    case .f4e2m1, .f6e2m3, .f6e3m2: return ("|V1", try unpacked(tensor))
    case .string: return text(tensor.strings ?? [])
    }
  }

  private static func unpacked(_ tensor: Tensor) throws(ModelError) -> [UInt8] {
    let type = tensor.elementType
    let width = type.bitWidth
    let mask: UInt8 = 1 << width - 1
    return try tensor.unpackedCodes().map { code in
      let isNegative = type.isSignedInteger && code >> (width - 1) == 1
      return isNegative ? code | ~mask : code
    }
  }

  private static func text(_ strings: [String]) -> (String, [UInt8]) {
    let width = max(1, strings.map { $0.unicodeScalars.count }.max() ?? 0)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(strings.count * width * 4)
    for string in strings {
      var count = 0
      for scalar in string.unicodeScalars {
        withUnsafeBytes(of: scalar.value.littleEndian) { bytes += $0 }
        count += 1
      }
      bytes += [UInt8](repeating: 0, count: 4 * (width - count))
    }
    return ("<U\(width)", bytes)
  }
}
