import Foundation
import Testing
import Zoo

/// A conversion that is killed leaves the old file or none, and nothing beside it.
@Suite(.serialized) struct InterruptedWriteTests {
  private static let megabytes = 48
  private static let moments = 12

  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  /// Weights that do not compress, so that writing takes a while.
  private func makeModel() throws {
    var model = Model()
    let count = Self.megabytes << 18
    var state: UInt32 = 1
    let values = (0..<count).map { _ -> Float in
      state = state &* 1_664_525 &+ 1_013_904_223
      return Float(bitPattern: state & 0x3FFF_FFFF)
    }
    let (x, w, y) = (
      model.addValue("x", type: .tensor(.f32, [Dimension.fixed(count)])), model.addValue("w"),
      model.addValue("y")
    )
    model.main.inputs = [x]
    model.main.outputs = [y]
    model.main.weights[w] = Weight(try Tensor(values, shape: [count]))
    model.main.nodes = [Node("Add", inputs: [x, w], outputs: [y])]
    try model.write(to: path("in.onnx"))
  }

  /// - Returns: Seconds that the whole conversion takes.
  private func convert(killedAfter seconds: Double?, to output: String) throws -> Double {
    let start = Date()
    let process = try Tool.start(["convert", path("in.onnx"), output])
    if let seconds {
      Thread.sleep(forTimeInterval: seconds)
      kill(process.processIdentifier, SIGKILL)
    }
    process.waitUntilExit()
    if seconds == nil { #expect(process.terminationStatus == 0) }
    return Date().timeIntervalSince(start)
  }

  @Test(arguments: ["out.zoo", "out.onnx"], [false, true])
  func leavesTheOldFileOrNone(name: String, replaces: Bool) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try makeModel()
    let output = path(name)
    let whole = try convert(killedAfter: nil, to: output)
    let complete = try Data(contentsOf: URL(filePath: output))
    let old = Data("the old file".utf8)
    var killed = 0
    for moment in 0..<Self.moments {
      try? FileManager.default.removeItem(atPath: output)
      if replaces { try old.write(to: URL(filePath: output)) }
      _ = try convert(killedAfter: whole * Double(moment) / Double(Self.moments), to: output)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      let found = try? Data(contentsOf: URL(filePath: output))
      // One that was killed too late is a complete one.
      let isOld = found == (replaces ? old : nil)
      #expect(isOld || found == complete, "after moment \(moment): \(found?.count ?? -1) bytes")
      killed += isOld ? 1 : 0
      let expected = found == nil ? ["in.onnx"] : ["in.onnx", name]
      // Between linking and renaming there is a name, which the next write removes.
      let rest = names.filter { !$0.hasSuffix(".partial") }
      #expect(rest == expected)
      #if os(Linux)
        #expect(names.count - rest.count <= (replaces ? 1 : 0))
      #endif
    }
    #expect(killed > 0)
  }
}
