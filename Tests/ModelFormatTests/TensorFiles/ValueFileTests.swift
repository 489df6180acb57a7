import Foundation
import ModelFormat
import Testing

@Suite struct ValueFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(
    _ bytes: [UInt8], as type: ValueType? = nil, limits: ReadLimits = .default
  ) throws -> Value {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file("v")))
    return try ValueFile.read(folder.file("v"), as: type, limits: limits).value
  }

  private func npy(_ header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let size = withUnsafeBytes(of: UInt32(header.utf8.count).littleEndian) { Array($0) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size.prefix(version == 1 ? 2 : 4)
      + Array(header.utf8) + data
  }

  private func refusal(_ header: String, _ data: [UInt8] = []) -> String {
    let text = message { _ = try read(npy(header, data)) }
    let place = folder.file("v") + ": "
    return text.hasPrefix(place) ? String(text.dropFirst(place.count)) : text
  }

  static let values: [Value] = {
    let tensors: [Tensor?] = [
      try? Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]), try? Tensor(scalar: Int64(-7)),
      try? Tensor([] as [UInt8], shape: [0, 4]), try? Tensor([true, false], shape: [2]),
      try? Tensor([BFloat16(1.5)], shape: [1]), try? Tensor(strings: ["é", "", "日本"], shape: [3]),
      try? Tensor([Complex128(1, -2)], shape: [1, 1]), try? Tensor([Float16(0.5)], shape: [1]),
      try? Tensor(.i4, shape: [3]) { $0.copyBytes(from: [0x8F, 0x07]) },
      try? Tensor(.u2, shape: [5]) { $0.copyBytes(from: [0xE4, 0x03]) },
      try? Tensor(.f4e2m1, shape: [2]) { $0.copyBytes(from: [0xA5]) },
      try? Tensor(.f8e5m2, shape: [2]) { $0.copyBytes(from: [0x3C, 0xFF]) },
    ]
    return tensors.compactMap { $0.map(Value.tensor) }
  }()

  @Test(arguments: values) func tensorsSurvive(value: Value) throws {
    for format in ValueFile.Format.allCases {
      let path = folder.file("t." + format.rawValue)
      try ValueFile.write(NamedValue("t", value), to: path, format: format)
      #expect(try ValueFile.read(path, as: value.type).value == value)
    }
  }

  @Test func containersSurvive() throws {
    let one = Value.tensor(try Tensor([1, 2] as [Float], shape: [2]))
    let two = Value.tensor(try Tensor([3] as [Float], shape: [1]))
    let element = ValueType.tensor(.f32, nil)
    let keys = try Tensor(strings: ["a", "b"], shape: [2])
    let values: [Value] = [
      .sequence([one, two], element: element), .sequence([], element: element),
      .optional(one, wrapped: element), .optional(nil, wrapped: element),
      .optional(.sequence([one], element: element), wrapped: .sequence(element)),
      .map(ValueMap(keys: keys, values: one)),
      .map(ValueMap(keys: keys, values: .sequence([one, two], element: element))),
    ]
    for value in values {
      try ValueFile.write(NamedValue("v", value), to: folder.file("v.pb"), format: .pb)
      let read = try ValueFile.read(folder.file("v.pb"), as: value.type)
      #expect(read == NamedValue("v", value))
    }
    #expect(
      message {
        try ValueFile.write(NamedValue("v", values[0]), to: folder.file("v.npy"), format: .npy)
      }.contains("expected a tensor. Write a .pb file"))
  }

  @Test func readsOtherOrders() throws {
    let big = npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", [1, 2, 3, 4])
    #expect(try read(big).tensor?.array(of: Int16.self) == [0x0102, 0x0304])
    let fortran = npy(
      "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", [1, 2, 3, 4, 5, 6])
    #expect(try read(fortran).tensor?.array(of: UInt8.self) == [1, 3, 5, 2, 4, 6])
    let text = npy("{'descr': '|S3', 'fortran_order': False, 'shape': ()}", [0x61, 0x62, 0])
    #expect(try read(text).tensor?.strings == ["ab"])
    let second = npy(
      "{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", [7], version: 2)
    #expect(try read(second).tensor?.array(of: Bool.self) == [true])
  }

  @Test func refusals() {
    #expect(
      refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", [0])
        == "1 bytes for an array <f4 [2]; expected 8 bytes")
    #expect(
      refusal("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}").hasPrefix(
        "a .npy array of type '|O'; expected b1"))
    #expect(
      refusal("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}")
        == "a .npy array of records; expected numbers, booleans or strings. "
        + "Save each field as an array of its own")
    #expect(
      refusal("{'descr': '<f4', 'shape': (2,)}")
        == "a .npy header with keys [\"descr\", \"shape\"]; "
        + "expected descr, fortran_order and shape")
    #expect(
      refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}")
        == "an array <f4 [1099511627776]; expected at most 8589934592 bytes (ReadLimits.tensorBytes). "
        + "Raise the limit if you trust the file")
    #expect(
      message { _ = try read([0x93] + Array("NUMPY".utf8) + [9, 0, 0, 0, 0, 0]) }
        .hasSuffix(".npy version 9.0; expected 1, 2 or 3"))
    #expect(
      message { _ = try read(Array("{}".utf8)) }
        .hasSuffix(
          "JSON text; expected a .npy array or an ONNX .pb value. "
            + "Give the model file, not its description"))
  }

  /// Every byte flipped and every length, of both formats: a value or an error.
  @Test func damagedBytes() throws {
    var limits = ReadLimits()
    limits.tensorBytes = 1 << 20
    limits.decodedBytes = 1 << 20
    for value in Self.values.prefix(3) {
      for format in ValueFile.Format.allCases {
        let path = folder.file("d")
        try ValueFile.write(NamedValue("t", value), to: path, format: format)
        let original = try bytes(of: path)
        for index in original.indices {
          for mask: UInt8 in [0x01, 0x80] {
            var damaged = original
            damaged[index] ^= mask
            do { _ = try read(damaged, limits: limits) } catch is ModelError {}
          }
          do { _ = try read(Array(original[..<index]), limits: limits) } catch is ModelError {}
        }
      }
    }
  }
}
