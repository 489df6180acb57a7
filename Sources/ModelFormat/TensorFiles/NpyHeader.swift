/// The header of a `.npy` file: a Python dictionary literal of three known keys.
struct NpyHeader {
  var descr = ""
  var isFortranOrder = false
  var shape: [Int] = []

  private static let largestHeader = 1 << 20

  /// - Returns: The header, and the offset of the first element.
  static func read(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ModelError) -> (header: NpyHeader, start: Int) {
    guard bytes.count >= 12 else { throw ended(bytes.count) }
    let major = bytes[6]
    guard (1...3).contains(major) else {
      throw ModelError(
        .unsupportedVersion, ".npy version \(major).\(bytes[7])", expected: "1, 2 or 3")
    }
    let prefix = major == 1 ? 10 : 12
    let size =
      major == 1
      ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
      : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    guard size <= bytes.count - prefix else { throw ended(bytes.count) }
    guard size <= largestHeader else {
      throw ModelError(
        .limitExceeded, "a .npy header of \(size) bytes", expected: "at most \(largestHeader)")
    }
    var parser = PythonLiteral(Array(bytes[prefix..<prefix + size]))
    return (try parser.header(), prefix + size)
  }

  private static func ended(_ count: Int) -> ModelError {
    ModelError(.malformed, "a .npy header that ends after \(count) bytes")
  }
}

/// A parser of the one kind of dictionary that `.npy` headers are.
private struct PythonLiteral {
  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  mutating func header() throws(ModelError) -> NpyHeader {
    var header = NpyHeader()
    var keys: Set<String> = []
    try expect("{")
    while !accept("}") {
      let key = try string()
      guard keys.insert(key).inserted else { throw error("key '\(key)' given twice") }
      try expect(":")
      switch key {
      case "descr": header.descr = try descr()
      case "fortran_order": header.isFortranOrder = try boolean()
      case "shape": header.shape = try tuple()
      default: throw error("key '\(key)'")
      }
      if !accept(",") {
        try expect("}")
        break
      }
    }
    guard keys.count == 3 else {
      throw error("keys \(keys.sorted())")
    }
    return header
  }

  private mutating func descr() throws(ModelError) -> String {
    skipSpace()
    guard position < text.count, text[position] != UInt8(ascii: "[") else {
      throw ModelError(
        .malformed, "a .npy array of records", expected: "numbers, booleans or strings",
        remedy: "save each field as an array of its own")
    }
    return try string()
  }

  private mutating func boolean() throws(ModelError) -> Bool {
    if accept("True") { return true }
    if accept("False") { return false }
    throw error("no True or False at byte \(position)")
  }

  private mutating func tuple() throws(ModelError) -> [Int] {
    var numbers: [Int] = []
    try expect("(")
    while !accept(")") {
      skipSpace()
      let start = position
      while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
      guard let number = Int(String(decoding: text[start..<position], as: UTF8.self)),
        numbers.count < 64
      else { throw error("a shape that is no list of up to 64 numbers") }
      // Python 2 wrote long integers with an L.
      _ = accept("L")
      numbers.append(number)
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return numbers
  }

  private mutating func string() throws(ModelError) -> String {
    skipSpace()
    guard position < text.count, [0x22, 0x27].contains(text[position]) else {
      throw error("no string at byte \(position)")
    }
    let quote = text[position]
    position += 1
    guard let end = text[position...].firstIndex(of: quote) else {
      throw error("a string without an end")
    }
    defer { position = end + 1 }
    return String(decoding: text[position..<end], as: UTF8.self)
  }

  private mutating func skipSpace() {
    while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
  }

  private mutating func accept(_ word: String) -> Bool {
    skipSpace()
    guard text[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func expect(_ word: String) throws(ModelError) {
    guard accept(word) else { throw error("no '\(word)' at byte \(position)") }
  }

  private func error(_ found: String) -> ModelError {
    ModelError(
      .malformed, "a .npy header with \(found)", expected: "descr, fortran_order and shape")
  }
}
