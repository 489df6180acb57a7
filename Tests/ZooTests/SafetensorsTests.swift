import Testing
import Zoo

@Suite("Safetensors")
struct SafetensorsTests {
  private static func bytes(_ header: String, _ data: [UInt8]) -> [UInt8] {
    let length = UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + data
  }

  static let header =
    #"{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"#
    + #""b":{"dtype":"F32","shape":[1,1],"data_offsets":[2,6]},"#
    + #""c":{"dtype":"I64","shape":[0],"data_offsets":[6,6]}}"#

  @Test("reads tensors, aligned or not")
  func reading() throws {
    let file = try MappedFile(copying: Self.bytes(Self.header, [7, 8, 0, 0, 0x80, 0x3F]))
    let tensors = try Safetensors(file)
    #expect(tensors.names == ["a", "b", "c"])
    #expect(try tensors.tensor("a") == Tensor([UInt8(7), 8], shape: [2]))
    #expect(try tensors.tensor("b") == Tensor([Float(1)], shape: [1, 1]))
    #expect(try tensors.tensor("c").shape == [0])
    #expect(throws: ModelError.self) { try tensors.tensor("d") }
  }

  @Test(
    "refuses",
    arguments: [
      (
        "overlap",
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":"#
          + #"{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3
      ),
      ("hole", #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, 2),
      ("trailing data", #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 2),
      ("end beyond the file", #"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, 2),
      ("wrong size", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}"#, 2),
      ("unknown type", #"{"a":{"dtype":"X8","shape":[2],"data_offsets":[0,2]}}"#, 2),
      ("negative extent", #"{"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}}"#, 2),
      ("reversed offsets", #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}"#, 2),
      (
        "overflowing shape",
        #"{"a":{"dtype":"F64","shape":[4611686018427387904,4],"#
          + #""data_offsets":[0,0]}}"#, 0
      ),
      (
        "name twice",
        #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":"#
          + #"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#, 0
      ),
      ("no offsets", #"{"a":{"dtype":"U8","shape":[2]}}"#, 2),
      ("no object", "[]", 0), ("no JSON", "{", 0),
    ])
  func refusals(what: String, header: String, size: Int) throws {
    let file = try MappedFile(
      copying: Self.bytes(header, [UInt8](repeating: 0, count: size)))
    #expect(throws: ModelError.self, "\(what)") { try Safetensors(file) }
  }

  @Test("refuses headers longer than the file", arguments: [UInt64.max, 1 << 62, 1000, 5])
  func headerLength(length: UInt64) throws {
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    let file = try MappedFile(copying: prefix + Array("{}".utf8))
    #expect(throws: ModelError.self) { try Safetensors(file) }
    #expect(throws: ModelError.self) { try Safetensors(MappedFile(copying: [1, 2])) }
  }

  @Test("reads or refuses any damage")
  func damage() throws {
    for variant in Fixture.damaged(Self.bytes(Self.header, [7, 8, 0, 0, 0x80, 0x3F])) {
      guard let tensors = try? Safetensors(MappedFile(copying: variant)) else { continue }
      for name in tensors.names { _ = try tensors.tensor(name) }
    }
  }
}
