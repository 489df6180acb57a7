import Foundation
import Testing
import ZooRuntime

/// Cases that once differed from ONNX Runtime or the standard's reference, as `tools/differential.py --keep` leaves them.
@Suite struct DifferentialReplayTests {
  static let folders: [String] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Differential").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().map { "\(folder)/\($0)" }
  }()

  @Test func thereAreCases() { #expect(Self.folders.count >= 20) }

  @Test(arguments: folders, [false, true])
  func isAsRecorded(folder: String, optimizes: Bool) throws {
    let suite = try VerificationSuite(folder)
    var options = Session.Options()
    options.optimizes = optimizes
    let session = try Session(suite.model, options: options)
    #expect(!suite.cases.isEmpty)
    for recorded in suite.cases {
      let result = try session.verify(recorded)
      #expect(result.passes, "\(result)")
    }
  }
}
