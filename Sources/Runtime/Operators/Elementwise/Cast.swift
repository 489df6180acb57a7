import CKernels
import LibC

/// `Cast` and `CastLike`: the same values in another element type.
///
/// |        | name   | shape        | element types |
/// |--------|--------|--------------|---------------|
/// | input  | `x`    | any          | all but complex |
/// | input  | `target` (`CastLike`) | any | all but complex |
/// | output | `y`    | shape of `x` | `to`, or that of `target` |
/// | attr   | `to`, `saturate`, `round_mode` | | default: saturate, round `f8e8m0` up |
///
/// Floats become integers by truncation, integers wrap; what an integer cannot hold is unspecified but never a trap.
/// Strings are read and written as decimal numbers, `INF` and `NaN` in any case. Source: ONNX `Cast`, opsets 1 to 28;
/// `CastLike`, opsets 15 to 25.
struct Cast: TensorOperator, ValueOperator {
  let target: ElementType?
  let saturates: Bool
  let rounding: ElementCodec.PowerRounding

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    if node.opset < 6 {
      // Opset 1 names the type.
      let name = try node.string("to").uppercased()
      guard let type = Self.names[name] else {
        throw ModelError(
          .invalidAttribute, "attribute 'to' is '\(name)'", expected: "a type's name")
      }
      target = type
    } else {
      target = try node.elementType("to")
    }
    saturates = try node.bool("saturate", default: true)
    rounding = try Self.rounding(node)
  }

  init(like node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    target = nil
    saturates = try node.bool("saturate", default: true)
    rounding = try Self.rounding(node)
  }

  private static let names: [String: ElementType] = [
    "FLOAT": .f32, "DOUBLE": .f64, "FLOAT16": .f16, "INT8": .i8, "INT16": .i16, "INT32": .i32,
    "INT64": .i64, "UINT8": .u8, "UINT16": .u16, "UINT32": .u32, "UINT64": .u64, "BOOL": .bool,
  ]

  private static func rounding(
    _ node: NodeReader
  ) throws(ModelError) -> ElementCodec.PowerRounding {
    switch try node.choice("round_mode", of: ["up", "down", "nearest"], default: "up") {
    case "down": .down
    case "nearest": .nearest
    default: .up
    }
  }

  private func resultType(_ inputs: Operands) throws(ModelError) -> ElementType {
    if let target { return target }
    return try inputs.tensor(1).element
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0)
    let type = try resultType(inputs)
    if x.element.isComplex || type.isComplex {
      throw ModelError(
        .elementTypeMismatch, "a cast from \(x.element) to \(type)",
        expected: "types of numbers that are not complex, or of strings")
    }
    return [.tensor(type, x.shape)]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    let types: Set<ElementType> = [.i32, .i64]
    guard let extents = inputs.extents(0), let x = inputs.types[0]?.tensorType,
      types.contains(x.element), types.contains(try resultType(inputs))
    else { return [nil] }
    return [.extents(extents, isScalar: x.shape?.rank == 0)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let y = try io.output()
    if x.element == y.element { return .alias() }
    let count = x.count
    if let from = x.element.scalar, let to = y.element.scalar {
      let sizes = (zoo_scalar_size(from), zoo_scalar_size(to))
      return Kernel("cast_\(x.element)_\(y.element)") { context in
        let source = context.inputBytes(0)
        let result = context.outputBytes()
        context.parallel(count, grain: Broadcast.grain) { range in
          let first = range.lowerBound
          zoo_cast(source + first * sizes.0, from, result + first * sizes.1, to, range.count)
        }
      }
    }
    let (source, result) = (try ElementCodec(x.element), try ElementCodec(y.element))
    let (saturates, rounding) = (saturates, rounding)
    let isInteger = x.element.isInteger && y.element.isInteger
    return Kernel("cast_\(x.element)_\(y.element)") { context in
      let from = context.inputBytes(0)
      let to = context.outputBytes()
      withUnsafeTemporaryAllocation(byteCount: 8 * 512, alignment: 8) { buffer in
        guard let base = buffer.baseAddress else { return }
        for start in stride(from: 0, to: count, by: 512) {
          let n = min(512, count - start)
          if isInteger {
            let values = base.assumingMemoryBound(to: Int64.self)
            source.decode(from, start, n, values)
            result.encode(values, to, start, n)
          } else {
            let values = base.assumingMemoryBound(to: Double.self)
            source.decode(from, start, n, values)
            result.encode(values, to, start, n, saturates: saturates, rounding: rounding)
          }
        }
      }
    }
  }

  /// To and from strings.
  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    var type = target ?? .string
    if target == nil { type = try call.tensor(1).elementType }
    guard let strings = x.strings else {
      return [.tensor(try Tensor(strings: try Self.texts(x), shape: x.shape))]
    }
    if type == .string { return [.tensor(x)] }
    let codec = try ElementCodec(type)
    if type.isInteger {
      var values: [Int64] = []
      for text in strings { values.append(try Self.integer(text)) }
      return [
        .tensor(
          try Tensor(type, shape: x.shape) { (bytes) throws(ModelError) in
            if let base = bytes.baseAddress { codec.encode(values, base, 0, values.count) }
          })
      ]
    }
    var values: [Double] = []
    for text in strings { values.append(try Self.number(text)) }
    return [
      .tensor(
        try Tensor(type, shape: x.shape) { (bytes) throws(ModelError) in
          guard let base = bytes.baseAddress else { return }
          codec.encode(values, base, 0, values.count, saturates: saturates, rounding: rounding)
        })
    ]
  }

  private static func trimmed(_ text: String) -> String {
    let start = text.drop(while: \.isWhitespace)
    guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...end])
  }

  private static func number(_ text: String) throws(ModelError) -> Double {
    let trimmed = Self.trimmed(text)
    switch trimmed.uppercased() {
    case "INF", "+INF": return .infinity
    case "-INF": return -.infinity
    case "NAN": return .nan
    default:
      guard let value = Double(trimmed) else {
        throw ModelError(.outOfRange, "the text '\(text.prefix(40))'", expected: "a number")
      }
      return value
    }
  }

  private static func integer(_ text: String) throws(ModelError) -> Int64 {
    let trimmed = Self.trimmed(text)
    if let value = Int64(trimmed) { return value }
    if let value = UInt64(trimmed) { return Int64(bitPattern: value) }
    guard let value = Int64(exactly: try number(text).rounded(.towardZero)) else {
      throw ModelError(.outOfRange, "the text '\(text.prefix(40))'", expected: "an integer")
    }
    return value
  }

  private static func texts(_ x: Tensor) throws(ModelError) -> [String] {
    func text(_ value: Double, _ short: String) -> String {
      if value.isNaN { return "NaN" }
      if value.isInfinite { return value < 0 ? "-INF" : "INF" }
      return short
    }
    switch x.elementType {
    case .string: return x.strings ?? []
    case .bool: return try x.array(of: Bool.self).map { $0 ? "True" : "False" }
    case .u64: return try x.array(of: UInt64.self).map(String.init)
    case .i64: return try x.array(of: Int64.self).map(String.init)
    case .f64: return try x.array(of: Double.self).map { text($0, "\($0)") }
    case .f16: return try x.array(of: Float16.self).map { text(Double($0), "\($0)") }
    default:
      let isInteger = x.elementType.isInteger
      return try x.doubles().map { text($0, isInteger ? "\(Int64($0))" : "\(Float($0))") }
    }
  }
}
