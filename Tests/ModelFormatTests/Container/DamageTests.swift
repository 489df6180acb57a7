import ModelFormat
import Testing

/// Whatever happens to a file: an error, or the model that was written. Never anything else.
@Suite struct DamageTests {
  /// A model with every encoding, small enough to damage each of its bytes.
  static func smallModel() throws -> Model {
    var model = Model(irVersion: 10, opsets: [OpsetImport("", 21)])
    let x = model.addValue("x", type: .tensor(.f32, ["batch", 70]))
    let y = model.addValue("y", type: .sequence(.tensor(.f32, nil)))
    for pattern in Pattern.allCases {
      let tensor = try pattern.tensor(.f32, count: pattern == .noise ? 70 : 500)
      model.main.weights[model.addValue("\(pattern)")] = Weight(tensor)
    }
    model.main.inputs = [x]
    model.main.outputs = [y]
    model.main.nodes = [
      Node(
        "SequenceConstruct", name: "s", inputs: [x], outputs: [y],
        attributes: [
          Attribute("a", .strings(["p", "q"])),
          Attribute("t", .tensor(Weight(try Tensor(scalar: 1)))),
        ])
    ]
    model.assets = [
      Asset(name: "labels.txt", mediaType: "text/plain", bytes: [UInt8](repeating: 65, count: 600))
    ]
    let recorded = Value.tensor(try Tensor([Float](repeating: 1, count: 70), shape: [1, 70]))
    model.cases = [
      RecordedCase(
        name: "c", inputs: [NamedValue("x", recorded)],
        outputs: [NamedValue("y", .sequence([recorded], element: recorded.type))], absolute: 0,
        relative: 1e-5)
    ]
    return model
  }

  private func written() throws -> (bytes: [UInt8], text: [String]) {
    let folder = try TemporaryFolder()
    let model = try Self.smallModel()
    try model.write(to: folder.file("m.zoo"))
    return (try bytes(of: folder.file("m.zoo")), try ModelText.of(model))
  }

  @Test func everyFlippedByteIsNoticed() throws {
    let (bytes, text) = try written()
    #expect(try ModelText.of(Model(bytes: bytes)) == text)
    for index in bytes.indices {
      for mask: UInt8 in index % 2 == 0 ? [0x01] : [0x80] {
        var damaged = bytes
        damaged[index] ^= mask
        // The minor version is the only thing that may differ; the header's checksum covers it.
        #expect(throws: ModelError.self, "byte \(index) ^ \(mask)") {
          try ModelText.of(Model(bytes: damaged, formats: ModelFileFormats([ZooFormat()])))
        }
      }
    }
  }

  @Test func everyTruncationIsNoticed() throws {
    let (bytes, _) = try written()
    for count in 0..<bytes.count {
      #expect(throws: ModelError.self, "\(count) bytes") {
        try Model(bytes: Array(bytes[..<count]))
      }
    }
    #expect(throws: ModelError.self) { try Model(bytes: bytes + [0]) }
  }

  /// Damage behind correct checksums, as an attacker makes it.
  @Test func everyFlippedByteOfTheGraphIsSurvived() throws {
    let plain = try Self.plainGraph()
    var refused = 0
    for index in plain.indices {
      for mask: UInt8 in [0x01, 0x82] {
        var damaged = plain
        damaged[index] ^= mask
        let file = ZooFileBytes(graph: Wire(bytes: damaged)).bytes
        do {
          _ = try ModelText.of(readZoo(file))
        } catch is ModelError {
          refused += 1
        }
      }
    }
    #expect(refused > plain.count / 2)
  }

  /// The message of a model whose tensors all lie in the graph.
  static func plainGraph() throws -> [UInt8] {
    let folder = try TemporaryFolder()
    var model = try smallModel()
    model.main.weights = [:]
    model.assets = []
    model.cases[0].inputs = []
    try model.write(to: folder.file("m.zoo"))
    let file = try bytes(of: folder.file("m.zoo"))
    let offset = file.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 24, as: UInt64.self) }
    let size = file.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 40, as: UInt64.self) }
    return try #require(zstdDecoded(Array(file[Int(offset)...]), count: Int(size)))
  }
}
