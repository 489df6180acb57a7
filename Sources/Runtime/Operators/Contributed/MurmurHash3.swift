import ModelFormat

/// `MurmurHash3`: a 32-bit hash of each element.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any   | `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `string` |
/// | output | `Y`  | of `X` | `u32`, or `i32` with `positive` 0 |
/// | attr   | `seed`, `positive` | | defaults 0, 1 |
///
/// Numbers are hashed as their bytes, strings as UTF-8. Source: ONNX Runtime's contributed operator, version 1; Appleby's
/// MurmurHash3_x86_32.
struct MurmurHash3: TensorOperator, ValueOperator {
  let seed: UInt32
  let isPositive: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    seed = UInt32(truncatingIfNeeded: try node.int("seed", default: 0))
    isPositive = try node.bool("positive", default: true)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.i32, .u32, .i64, .u64, .f32, .f64, .string])
    return [.tensor(isPositive ? .u32 : .i32, x.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let (size, count, seed) = (x.element.bitWidth / 8, x.count, seed)
    return Kernel("murmur_hash3") { context in
      let y = context.output(0, as: UInt32.self)
      for index in 0..<count {
        let bytes = UnsafeRawBufferPointer(
          start: context.inputBytes(0) + index * size, count: size)
        y[index] = Self.hash(bytes, seed)
      }
    }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let hashes = (x.strings ?? []).map { string in
      var string = string
      return string.withUTF8 { Self.hash(UnsafeRawBufferPointer($0), seed) }
    }
    return [
      .tensor(
        isPositive
          ? try Tensor(hashes, shape: x.shape)
          : try Tensor(hashes.map(Int32.init(bitPattern:)), shape: x.shape))
    ]
  }

  static func hash(_ bytes: UnsafeRawBufferPointer, _ seed: UInt32) -> UInt32 {
    func rotated(_ x: UInt32, _ by: UInt32) -> UInt32 { x << by | x >> (32 - by) }
    func mixed(_ k: UInt32) -> UInt32 { rotated(k &* 0xcc9e_2d51, 15) &* 0x1b87_3593 }
    var h = seed
    let blocks = bytes.count / 4
    for block in 0..<blocks {
      let k = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * block, as: UInt32.self))
      h = rotated(h ^ mixed(k), 13) &* 5 &+ 0xe654_6b64
    }
    var tail: UInt32 = 0
    for index in (4 * blocks..<bytes.count).reversed() { tail = tail << 8 | UInt32(bytes[index]) }
    if bytes.count % 4 != 0 { h ^= mixed(tail) }
    h ^= UInt32(truncatingIfNeeded: bytes.count)
    h = (h ^ h >> 16) &* 0x85eb_ca6b
    h = (h ^ h >> 13) &* 0xc2b2_ae35
    return h ^ h >> 16
  }
}
