// Reads bytes as a .zoo file, decodes all that is in it, and, if that goes well, writes it and reads it again.
// The fuzzing build does not compare checksums (see `ModelFormat`), or no mutation would get past them.
import Foundation
import FuzzSupport
import ModelFormat

var limits = ReadLimits()
limits.graphBytes = 64 << 20
limits.tensorBytes = 16 << 20
limits.decodedBytes = 64 << 20
let readLimits = limits
let path = FileManager.default.temporaryDirectory
  .appendingPathComponent("fuzz-\(ProcessInfo.processInfo.processIdentifier).zoo").path

fuzz { bytes in
  let formats = ModelFileFormats([ZooFormat()])
  guard let model = try? Model(bytes: bytes, limits: readLimits, formats: formats) else { return }
  var isWhole = true
  for weight in model.graphs.flatMap({ $0.weights.values }) {
    do { _ = try weight.tensor() } catch { isWhole = false }
  }
  guard isWhole, bytes.count < 4096 else { return }
  do { try model.write(to: path, options: .init(level: .fast)) } catch { return }
  guard (try? Model(contentsOf: path)) != nil else { fatalError("what was written is not read") }
}
