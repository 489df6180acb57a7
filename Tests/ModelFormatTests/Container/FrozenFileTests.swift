import Foundation
import ModelFormat
import Testing

/// Files of released versions, which every later reader opens.
@Suite struct FrozenFileTests {
  static func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(name)").path
  }

  /// The model in `v1.zoo`: something of everything, and weights of every encoding.
  static func model() throws -> Model {
    // The types that there were when the file was made.
    let types = ElementType.allCases.filter { $0.rawValue <= ElementType.i2.rawValue }
    var model = try RandomModel.make(seed: 2026, types: types)
    for pattern in Pattern.allCases {
      for element in [ElementType.f32, .f64, .bf16, .i64, .i8, .u4] {
        let tensor = try pattern.tensor(element, count: 3000)
        model.main.weights[model.addValue("\(pattern) \(element)")] = Weight(tensor)
      }
    }
    return model
  }

  @Test func versionOneIsRead() throws {
    let read = try readZoo(Self.fixture("v1.zoo"))
    #expect(try ModelText.of(read) == ModelText.of(Self.model()))
    let encodings = Set(read.main.weights.values.map(\.encoding))
    #expect(encodings.isSuperset(of: ["raw", "zstd", "palette"]))
  }
}
