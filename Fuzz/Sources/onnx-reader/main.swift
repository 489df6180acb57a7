// Reads bytes as an ONNX file and decodes all that is in it.
import FuzzSupport
import ModelFormat

var limits = ReadLimits()
limits.graphBytes = 64 << 20
limits.tensorBytes = 16 << 20
limits.decodedBytes = 64 << 20
let readLimits = limits

fuzz { bytes in
  guard let model = try? Model(bytes: bytes, limits: readLimits) else { return }
  for weight in model.graphs.flatMap({ $0.weights.values }) { _ = try? weight.tensor() }
}
