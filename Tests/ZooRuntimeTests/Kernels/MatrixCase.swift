import CKernels

/// The instruction sets that this machine can run, so that one process tests all of them.
let availableISAs: [zoo_isa] = [ZOO_ISA_PORTABLE, ZOO_ISA_NEON, ZOO_ISA_AVX2, ZOO_ISA_AVX512]
  .filter { zoo_isa_available($0) != 0 }

/// A small reproducible generator: tests name their seed and always see the same numbers.
struct Numbers: RandomNumberGenerator {
  var state: UInt64
  init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  mutating func floats(_ count: Int) -> [Float] {
    (0..<max(count, 1)).map { _ in Float.random(in: -1...1, using: &self) }
  }
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<max(count, 1)).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
  mutating func flag() -> Bool { next() >> 40 & 1 == 1 }
}

/// A matrix with a leading dimension that may be larger than a row, possibly stored transposed.
struct Matrix {
  let rows: Int, columns: Int, ld: Int, transposed: Bool
  var data: [Float]

  init(_ rows: Int, _ columns: Int, transposed: Bool, padding: Int, _ numbers: inout Numbers) {
    (self.rows, self.columns, self.transposed) = (rows, columns, transposed)
    ld = (transposed ? rows : columns) + padding
    data = numbers.floats((transposed ? columns : rows) * ld)
  }

  subscript(row: Int, column: Int) -> Float {
    transposed ? data[column * ld + row] : data[row * ld + column]
  }
}

/// Memory for packed weights, aligned as kernels ask.
final class PackedBytes {
  let pointer: UnsafeMutableRawPointer
  init(_ count: Int) {
    pointer = .allocate(byteCount: max(count, 64), alignment: 64)
  }
  deinit { pointer.deallocate() }
}

/// An epilogue and its slow twin in double precision.
struct Finish {
  var bias: [Float]?
  var biasPerRow = false
  var residual: [Float]?
  var activation = zoo_activation(kind: ZOO_ACTIVATION_NONE, a: 0, b: 0)

  func apply(_ sum: Double, row: Int, column: Int, ld: Int) -> Double {
    var x = sum
    if let bias { x += Double(bias[biasPerRow ? row : column]) }
    if let residual { x += Double(residual[row * ld + column]) }
    return activate(x, activation)
  }

  func withEpilogue<R>(ld: Int, _ body: (inout zoo_epilogue) -> R) -> R {
    (bias ?? []).withUnsafeBufferPointer { b in
      (residual ?? []).withUnsafeBufferPointer { r in
        var epilogue = zoo_epilogue(
          bias: bias == nil ? nil : b.baseAddress, bias_per_row: biasPerRow ? 1 : 0,
          residual: residual == nil ? nil : r.baseAddress, residual_ld: Int64(ld),
          activation: activation)
        return body(&epilogue)
      }
    }
  }
}
