import Foundation
import ModelFormat
import Testing

@Suite struct MappedFileTests {
  @Test func aNamedPipeIsRefusedAtOnce() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    #expect(mkfifo(path, 0o600) == 0)
    defer { unlink(path) }
    do {
      _ = try Model(contentsOf: path)
      Issue.record("a named pipe was read as a model")
    } catch {
      #expect("\(error)" == "\(path): not a regular file")
    }
  }
}
