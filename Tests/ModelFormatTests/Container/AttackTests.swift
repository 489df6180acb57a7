import CZstd
import ModelFormat
import Testing

/// Files that lie. Each is refused, with its own message, before anything that it asks for is allocated.
@Suite struct AttackTests {
  struct Attack: CustomTestStringConvertible, Sendable {
    let name: String
    /// Made when the test runs: the test library looks into its arguments, byte by byte.
    let make: @Sendable () -> ZooFileBytes
    let message: String
    var limits = ReadLimits.default
    var testDescription: String { name }
  }

  @Test(arguments: containerAttacks + tableAttacks + graphAttacks + budgetAttacks)
  func isRefused(attack: Attack) throws {
    let error = #expect(throws: ModelError.self) {
      try Model(bytes: attack.make().bytes, limits: attack.limits)
    }
    #expect(error?.description == attack.message)
  }

  static func attack(
    _ name: String, _ message: String, limits: ReadLimits = .default,
    _ change: @escaping @Sendable (inout ZooFileBytes) -> Void
  ) -> Attack {
    let make: @Sendable () -> ZooFileBytes = {
      var file = ZooFileBytes(graph: .empty)
      change(&file)
      return file
    }
    return Attack(name: name, make: make, message: message, limits: limits)
  }

  static func attack(
    _ name: String, _ message: String, limits: ReadLimits = .default,
    graph: @autoclosure @escaping @Sendable () -> Wire
  ) -> Attack {
    attack(name, message, limits: limits) { $0.graph = graph() }
  }

  static let containerAttacks = [
    attack(
      "line ends changed",
      "a .zoo file whose first bytes were changed by a transfer in text mode; expected "
        + "89 5A 4F 4F 0D 0A 1A 0A. Transfer the file again in binary mode"
    ) { $0.mark = [0x89, 0x5A, 0x4F, 0x4F, 0x0A, 0x1A, 0x0A, 0x00] },
    attack(
      "eighth bit lost",
      "a .zoo file whose first bytes were changed by a transfer in text mode; expected "
        + "89 5A 4F 4F 0D 0A 1A 0A. Transfer the file again in binary mode"
    ) { $0.mark[0] = 0x09 },
    attack(
      "newer major version",
      "format version 2.7; expected version 1. Use a newer version of this library"
    ) { ($0.major, $0.minor) = (2, 7) },
    attack(
      "header checksum",
      "the header has the checksum \(hex(ZooFileBytes(graph: .empty).bytes, 60)); expected 00000001. "
        + "Fetch the file again: it is damaged"
    ) { $0.headerChecksum = 1 },
    attack("unknown codec", "codec 9 of the graph; expected 0 (raw) or 1 (zstd)") { $0.codec = 9 },
    attack(
      "longer than declared",
      "a file of 66 bytes; expected 65, as the header says. Fetch the file again"
    ) { $0.fileBytes = 65 },
    attack(
      "graph elsewhere", "a graph of 2 bytes at 63; expected one that ends with the file, at 66"
    ) { $0.graphOffset = 63 },
    attack(
      "graph past the end",
      "a graph of 2 bytes at 9223372036854775807; expected one that ends with the file, at 66"
    ) { $0.graphOffset = .max },
    attack(
      "graph checksum",
      "the graph has the checksum \(hex(checksum(of: [0x3A, 0]))); expected 00000000. "
        + "Fetch the file again: it is damaged"
    ) { $0.graphChecksum = 0 },
    attack(
      "graph shorter than declared", "a graph of 2 bytes; expected 3"
    ) { $0.graphBytes = 3 },
    attack(
      "huge graph",
      "a graph of 1099511627776 bytes; expected at most 1073741824. Raise ReadLimits.graphBytes if "
        + "the file can be trusted"
    ) { ($0.codec, $0.graphBytes) = (1, 1 << 40) },
    attack(
      "zstd bomb in the graph", "a zstd frame that does not decode to the graph's 100 bytes"
    ) {
      ($0.codec, $0.graphBytes) = (1, 100)
      $0.storedGraph = zstdFrame([UInt8](repeating: 0, count: 1 << 20))
    },
    attack(
      "graph that is no frame", "a zstd frame that does not decode to the graph's 2 bytes"
    ) { ($0.codec) = 1 },
    attack(
      "data without a blob", "64 bytes that belong to no blob; expected none"
    ) { $0.data = [0] },
  ]

  static func hex(_ bytes: [UInt8], _ offset: Int) -> String {
    hex(bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) })
  }

  static func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  static func zstdFrame(_ bytes: [UInt8]) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let size = ZSTD_compress(&frame, frame.count, bytes, bytes.count, 3)
    return Array(frame[..<size])
  }
}

extension AttackTests {
  static let tableAttacks = [
    attack("no graph", "a model without a graph", graph: Wire()),
    attack(
      "wire type 7", "a field of wire type 7 in the graph; expected a message of schemas/zoo.proto",
      graph: Wire(bytes: [0x0F])),
    attack(
      "number without end",
      "a number that does not end in the graph; expected a message of schemas/zoo.proto",
      graph: Wire(bytes: [UInt8](repeating: 0xFF, count: 11))),
    attack(
      "field past the end",
      "a field of 200 bytes where 1 are left in the graph; expected a message of schemas/zoo.proto",
      graph: Wire(bytes: [0x3A, 0xC8, 0x01, 0x00])),
    attack(
      "row that is no message",
      "a message that is not length-delimited in the graph; expected a message of schemas/zoo.proto",
      graph: Wire().number(7, 1)),
    attack(
      "field number 0",
      "3 bytes that are no message in the graph; expected a message of schemas/zoo.proto",
      graph: Wire(bytes: [0x02, 0x01, 0x00])),
    attack(
      "text too short", "text of 1 bytes; expected at least 5",
      graph: Wire.empty.bytes(1, [65]).packed(2, [5])),
    attack(
      "text too long", "text of 3 bytes; expected 1",
      graph: Wire.empty.bytes(1, [65, 66, 67]).packed(2, [1])),
    attack(
      "text out of range", "text 7; expected 0 ... 1",
      graph: Wire.empty.bytes(1, [65]).packed(2, [1]).number(16, 7)),
    attack(
      "text that is not UTF-8", "text 1 that is not UTF-8",
      graph: Wire.empty.bytes(1, [0xC0]).packed(2, [1]).number(16, 1)),
    attack(
      "odd metadata", "1 texts of metadata; expected an even number",
      graph: Wire.empty.packed(22, [0])),
    attack(
      "extent without counts",
      "an extent of 1 coefficients and 0 counts of factors; expected as many of both",
      graph: Wire.empty.message(3, Wire().packed(2, [2]))),
    attack(
      "term without factors", "a term of 0 factors; expected 1 ... 0",
      graph: Wire.empty.message(3, Wire().packed(2, [2]).packed(3, [0]))),
    attack(
      "factors without a term", "1 factors of an extent; expected 0",
      graph: Wire.empty.message(3, Wire().packed(4, [0]))),
    attack(
      "coefficients that overflow", "an extent with coefficients that overflow, or too many names",
      graph: Wire.empty.message(
        3, Wire().packed(2, [.max - 1, .max - 1]).packed(3, [1, 1]).packed(4, [0, 0]))),
    attack(
      "type of itself", "content 1 of type 0; expected an earlier type",
      graph: Wire.empty.message(4, Wire().number(1, 2).number(5, 1))),
    attack(
      "type of unknown kind", "type of kind 9; expected 0 ... 4",
      graph: Wire.empty.message(4, Wire().number(1, 9))),
    attack(
      "type of unknown elements",
      "element type 99; expected a number of ONNX's TensorProto.DataType",
      graph: Wire.empty.message(4, Wire().number(2, 99))),
    attack(
      "extent out of range", "extent 3; expected 0 ... 0",
      graph: Wire.empty.message(4, Wire().number(2, 1).number(3, 1).packed(4, [3]))),
    attack(
      "value of unknown type", "type 4; expected none: there are none",
      graph: Wire.empty.message(5, Wire().number(2, 5))),
    attack(
      "datum in two places", "datum 0 in two places; expected one",
      graph: Wire.empty.message(4, Wire().number(2, 1)).message(12, Wire().number(1, 2))
        .message(12, Wire().number(1, 2).packed(4, [0, 0]))),
    attack(
      "datum of itself", "datum 0; expected none: there are none",
      graph: Wire.empty.message(12, Wire().number(1, 2).packed(4, [0]))),
    attack(
      "tensor with contents",
      "1 contents of a datum of kind 0; expected 0 ... 0",
      graph: Wire.empty.message(10, .tensor(2, [0], bytes: [])).message(12)
        .message(12, Wire().packed(4, [0]))),
    attack(
      "case that names no datum", "case '': datum 6; expected none: there are none",
      graph: Wire.empty.message(14, Wire().packed(2, [0, 6]))),
    attack(
      "case with half a pair",
      "case '': 1 numbers of named values; expected an even number",
      graph: Wire.empty.message(14, Wire().packed(2, [0]))),
    attack(
      "asset in no blob", "blob 0; expected none: there are none",
      graph: Wire.empty.message(13, Wire().number(3, 1))),
  ]

  private static func node(_ node: Wire) -> Wire {
    Wire().message(6).message(5).message(7, Wire().message(5, node))
  }

  private static func attribute(_ kind: UInt64, _ attribute: Wire) -> Wire {
    node(Wire().message(5, Wire(bytes: attribute.number(2, kind).bytes)))
  }

  static let graphAttacks = [
    attack(
      "input out of range", "value 3; expected none: there are none",
      graph: Wire().message(7, Wire().packed(3, [3]))),
    attack(
      "operand out of range", "node #0: value 1; expected 0 ... 0",
      graph: node(Wire().packed(3, [2]))),
    attack(
      "operator out of range", "node #0: operator 1; expected 0 ... 0",
      graph: node(Wire().number(1, 1))),
    attack(
      "constant without a tensor",
      "0 tensors for 1 constants; expected as many of both",
      graph: Wire().message(5).message(7, Wire().packed(6, [0]))),
    attack(
      "constant in no table", "tensor 4; expected none: there are none",
      graph: Wire().message(5).message(7, Wire().packed(6, [0]).packed(7, [4]))),
    attack(
      "two constants for a value", "two constants for value 0; expected one",
      graph: Wire().message(5).message(10, .tensor(2, [0], bytes: []))
        .message(7, Wire().packed(6, [0, 0]).packed(7, [0, 0]))),
    attack(
      "integer without a value",
      "node #0: attribute '': 0 elements of a single value; expected 1", graph: attribute(0, Wire())
    ),
    attack(
      "two values of a string",
      "node #0: attribute '': 2 elements of a single value; expected 1",
      graph: attribute(2, Wire().packed(5, [0, 0]))),
    attack(
      "tensor out of range",
      "node #0: attribute '': tensor 5; expected none: there are none",
      graph: attribute(4, Wire().packed(5, [5]))),
    attack(
      "sparse tensor out of range",
      "node #0: attribute '': sparse tensor 5; expected none: there are none",
      graph: attribute(12, Wire().packed(5, [5]))),
    attack(
      "sparse index below the first",
      "sparse tensor 0: index -1 of a sparse tensor of 4 elements; expected 0 ... 3",
      graph: sparse(index: .max, extent: 4)),
    attack(
      "sparse index beyond the last",
      "sparse tensor 0: index 4 of a sparse tensor of 4 elements; expected 0 ... 3",
      graph: sparse(index: 4, extent: 4)),
    attack(
      "few sparse values of many",
      "sparse tensor 0: 4398046511104 decoded bytes; expected at most 8589934592. "
        + "Raise ReadLimits.tensorBytes if the file can be trusted",
      graph: sparse(index: 0, extent: 1 << 40)),
    attack(
      "graph out of range", "node #0: attribute '': graph 5; expected 0 ... 0",
      graph: attribute(6, Wire().packed(5, [5]))),
    attack(
      "type out of range",
      "node #0: attribute '': type 5; expected none: there are none",
      graph: attribute(14, Wire().packed(5, [5]))),
    attack(
      "unknown kind",
      "node #0: attribute '': a value of kind 77; expected 0 ... 15. "
        + "Use a newer version of this library", graph: attribute(77, Wire())),
    attack(
      "reference to a kind that is none",
      "node #0: attribute '': an attribute kind of more than 32 bits",
      graph: attribute(15, Wire().packed(3, [1 << 40]).packed(5, [0]))),
    attack(
      "function without a body", "graph 1; expected 0 ... 0",
      graph: Wire.empty.message(8, Wire().number(8, 1))),
  ]

  /// One number at `index` of a sparse tensor.
  private static func sparse(index: UInt64, extent: UInt64) -> Wire {
    var position: [UInt8] = []
    position.appendNumber(index)
    return Wire.empty.message(10, .tensor(1, [1], bytes: [0, 0, 128, 63]))
      .message(10, .tensor(7, [1], bytes: position))
      .message(11, Wire().number(2, 1).packed(3, [extent]))
  }

  static let budgetAttacks = [
    attack(
      "two megabytes of empty messages",
      "a graph that takes more memory; expected at most 67108864. Raise ReadLimits.graphBytes if "
        + "the file can be trusted", limits: limits { $0.graphBytes = 64 << 20 },
      graph: Wire(bytes: Wire.empty.bytes + repeated([0x2A, 0x00], 1_000_000))),
    attack(
      "two megabytes of unknown fields",
      "a graph that takes more memory; expected at most 67108864. Raise ReadLimits.graphBytes if "
        + "the file can be trusted", limits: limits { $0.graphBytes = 64 << 20 },
      graph: Wire(bytes: Wire.empty.bytes + repeated([0x98, 0x06, 0x00], 700_000))),
    attack(
      "too many rows",
      "101 or more rows of 'values'; expected at most 100. Raise ReadLimits.rows if the file can be "
        + "trusted", limits: limits { $0.rows = 100 },
      graph: Wire(bytes: Wire.empty.bytes + repeated([0x2A, 0x00], 101))),
    attack(
      "too many numbers",
      "1000 or more rows of 'metadata'; expected at most 100. Raise ReadLimits.rows if the file can "
        + "be trusted", limits: limits { $0.rows = 100 },
      graph: Wire.empty.bytes(22, [UInt8](repeating: 0, count: 1000))),
    attack(
      "types nested too deep",
      "a type nested 65 deep; expected at most 64. Raise ReadLimits.depth if the file can be trusted",
      graph: (1...64).reduce(Wire.empty.message(4, Wire().number(2, 1))) { graph, row in
        graph.message(4, Wire().number(1, 2).number(5, UInt64(row)))
      }),
    attack(
      "values nested too deep",
      "a recorded value nested 65 deep; expected at most 64. Raise ReadLimits.depth if the file can "
        + "be trusted",
      graph: (1...64).reduce(
        Wire.empty.message(4, Wire().number(2, 1)).message(12, Wire().number(1, 2))
      ) { graph, row in
        graph.message(12, Wire().number(1, 2).packed(4, [UInt64(row) - 1]))
      }),
  ]

  static func limits(_ change: (inout ReadLimits) -> Void) -> ReadLimits {
    var limits = ReadLimits.default
    change(&limits)
    return limits
  }

  private static func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: bytes.count * count) { target, size in
      for index in 0..<bytes.count * count { target[index] = bytes[index % bytes.count] }
      size = bytes.count * count
    }
  }
}
