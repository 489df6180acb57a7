import Foundation
import ModelFormat
import Testing

/// Every input that ever broke a reader, and the inputs that fuzzing starts from, read once more.
@Suite struct FuzzReplayTests {
  static let files: [String] = {
    let fuzz = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fuzz")
    return ["Seeds", "Failures"].flatMap { kind in
      ["zoo-reader", "onnx-reader"].flatMap { target in
        let folder = fuzz.appendingPathComponent("\(kind)/\(target)").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().map { "\(folder)/\($0)" }
      }
    }
  }()

  @Test func thereAreInputs() { #expect(Self.files.count >= 9) }

  @Test(arguments: files)
  func isReadOrRefused(path: String) throws {
    var limits = ReadLimits()
    limits.decodedBytes = 64 << 20
    let bytes = try bytes(of: path)
    do {
      let model = try Model(bytes: bytes, limits: limits)
      for weight in model.graphs.flatMap({ $0.weights.values }) { _ = try weight.tensor() }
    } catch {
      #expect(!error.description.isEmpty)
    }
  }
}
