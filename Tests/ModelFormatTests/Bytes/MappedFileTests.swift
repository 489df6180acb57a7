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

  @Test func aPipeIsReadIfThatIsAskedFor() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let written = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    #expect(write(ends[1], written, written.count) == written.count)
    close(ends[1])
    defer { close(ends[0]) }
    let file = try MappedFile(path: "/dev/fd/\(ends[0])", pipeLimit: 5000)
    #expect(Array(file.bytes) == written)
    #expect(file.path == nil)
  }

  @Test func aPipeThatGivesTooMuchIsRefused() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    #expect(write(ends[1], [UInt8](repeating: 7, count: 100), 100) == 100)
    close(ends[1])
    defer { close(ends[0]) }
    let path = "/dev/fd/\(ends[0])"
    do {
      _ = try MappedFile(path: path, pipeLimit: 99)
      Issue.record("more was read than allowed")
    } catch {
      #expect(
        "\(error)"
          == "\(path): a pipe that gives more than 99 bytes; expected at most that many")
    }
  }

  /// A file of whole pages, as external data often is: nothing of it may be copied for what kernels read past its end.
  @Test(arguments: [4096, 65536, 4000, 4090])
  func theLastTensorIsAViewWithRoomBehindIt(count: Int) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    try Data((0..<count).map { UInt8(truncatingIfNeeded: $0) }).write(
      to: URL(fileURLWithPath: path))
    defer { unlink(path) }
    let file = try MappedFile(path: path)
    let tensor = try file.tensor(.u8, shape: [1000], at: count - 1000)
    try tensor.withBytes { bytes in
      #expect(bytes.baseAddress == file.bytes.baseAddress.map { $0 + count - 1000 })
      let behind = UnsafeRawBufferPointer(start: bytes.baseAddress, count: 1064)
      #expect(behind[1000..<1064].allSatisfy { $0 == 0 })
      #expect(behind[999] == UInt8(truncatingIfNeeded: count - 1))
    }
    file.release(0..<count)
    #expect(file.bytes[count - 1] == UInt8(truncatingIfNeeded: count - 1))
  }
}
