// How small the weights of a model become and how fast they come back.
//
//     swift run -c release decode-bench [MODEL] [fast|default|max]
//
// Writes MODEL (or 64 weights of 1 MB of normally distributed floats) as .zoo, then decodes all coded weights again and again, in
// turns with a plain copy of as many bytes, and prints the medians of both.
import Foundation
import ModelFormat

struct Turn {
  var decoding: [Double] = []
  var copying: [Double] = []
}

func seconds(_ work: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  return try clock.measure(work) / .seconds(1)
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func syntheticModel() throws -> Model {
  var model = Model()
  var state: UInt64 = 1
  func uniform() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Double(state >> 11) + 1) / Double(1 << 53)
  }
  for index in 0..<64 {
    let values = (0..<(1 << 18)).map { _ in
      Float(0.05 * (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()))
    }
    let id = model.addValue("w\(index)")
    model.main.weights[id] = Weight(try Tensor(values, shape: [values.count]))
  }
  return model
}

let arguments = CommandLine.arguments
let model = arguments.count > 1 ? try Model(contentsOf: arguments[1]) : try syntheticModel()
let level = arguments.count > 2 ? CompressionLevel(rawValue: arguments[2]) ?? .default : .default
let path = FileManager.default.temporaryDirectory
  .appendingPathComponent("decode-bench-\(UUID().uuidString).zoo").path
defer { try? FileManager.default.removeItem(atPath: path) }
let writing = try seconds { try model.write(to: path, options: .init(level: level)) }
let stored = try Model(contentsOf: path)
let weights = stored.graphs.flatMap { $0.weights.values }
let coded = weights.filter { $0.encoding != "raw" }
let before = try weights.reduce(0) { $0 + (try $1.tensor().byteCount) }
let after = weights.reduce(0) { $0 + $1.storedByteCount }
let bytes = try coded.reduce(0) { $0 + (try $1.tensor().byteCount) }
print("weights: \(before) bytes, stored in \(after) (\(Double(before) / Double(after)))")
print("written in \(writing) s, \(Double(before) / writing / 1e9) GB/s")

let sizes = try coded.map { try $0.tensor().byteCount }
let source = [UInt8](repeating: 1, count: sizes.max() ?? 0)
var turn = Turn()
for _ in 0..<15 where bytes > 0 {
  turn.decoding.append(try seconds { for weight in coded { _ = try weight.tensor() } })
  turn.copying.append(
    try seconds {
      for size in sizes {
        let copy = try TensorBuffer(byteCount: size)
        source.withUnsafeBytes { copy.base.copyMemory(from: $0.baseAddress!, byteCount: size) }
      }
    })
}
if bytes > 0 {
  let (decode, copy) = (median(turn.decoding), median(turn.copying))
  print("decoded \(bytes) bytes: \(Double(bytes) / decode / 1e9) GB/s")
  print("copied: \(Double(bytes) / copy / 1e9) GB/s; ratio \(decode / copy)")
}
