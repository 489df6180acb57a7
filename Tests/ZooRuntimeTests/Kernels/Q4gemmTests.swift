import CKernels
import Testing

/// Products with 4-bit weights, against double precision.
@Suite struct Q4gemmTests {
  struct Sample {
    let m: Int, n: Int, k: Int, block: Int
    let isSigned: Bool, isTransposed: Bool
    let codes: [UInt8], zeros: [UInt8], scales: [Float], a: [Float], bias: [Float]

    var blocks: Int { (k + block - 1) / block }

    init(_ m: Int, _ n: Int, _ k: Int, _ block: Int, _ kind: Int, _ numbers: inout Numbers) {
      (self.m, self.n, self.k, self.block) = (m, n, k, block)
      (isSigned, isTransposed) = (kind & 1 != 0, kind & 2 != 0)
      let blocks = (k + block - 1) / block
      codes = numbers.bytes(blocks * block * n / 2 + 1)
      zeros = numbers.bytes(blocks * n / 2 + 1)
      scales = numbers.floats(blocks * n)
      (a, bias) = (numbers.floats(m * k), numbers.floats(n))
    }

    private func nibble(_ bytes: [UInt8], _ i: Int) -> Int {
      let bits = Int(bytes[i / 2] >> (4 * (i % 2)) & 15)
      return isSigned && bits > 7 ? bits - 16 : bits
    }

    func weight(_ p: Int, _ j: Int) -> Double {
      let b = p / block
      let group = isTransposed ? j * blocks + b : b * n + j
      let code = nibble(codes, isTransposed ? j * blocks * block + p : p * n + j)
      return Double(code - nibble(zeros, group)) * Double(scales[group])
    }

    func run(_ isa: zoo_isa, threads: Int32) -> [Float] {
      let packed = PackedBytes(zoo_q4_packed_bytes(isa, Int64(k), Int64(n), Int64(block)))
      var c = [Float](repeating: 0, count: m * n)
      codes.withUnsafeBufferPointer { codes in
        zeros.withUnsafeBufferPointer { zeros in
          scales.withUnsafeBufferPointer { scales in
            var weights = zoo_q4_weights()
            (weights.k, weights.n, weights.block) = (Int64(k), Int64(n), Int64(block))
            weights.codes = codes.baseAddress
            weights.is_signed = isSigned ? 1 : 0
            weights.scales = scales.baseAddress
            weights.zeros = zeros.baseAddress
            let (row, column) = isTransposed ? (1, blocks * block) : (n, 1)
            (weights.row, weights.column) = (Int64(row), Int64(column))
            let (blockRow, blockColumn) = isTransposed ? (1, blocks) : (n, 1)
            (weights.scale_row, weights.scale_column) = (Int64(blockRow), Int64(blockColumn))
            (weights.zero_row, weights.zero_column) = (Int64(blockRow), Int64(blockColumn))
            zoo_q4_pack(isa, &weights, packed.pointer)
          }
        }
      }
      bias.withUnsafeBufferPointer { bias in
        var epilogue = zoo_epilogue()
        epilogue.bias = bias.baseAddress
        zoo_q4_gemm_run(
          isa, Int64(m), Int64(n), Int64(k), Int64(block), a, Int64(k), packed.pointer, &c,
          Int64(n), &epilogue, threads)
      }
      return c
    }
  }

  @Test(
    arguments: availableISAs, [(1, 1, 1), (1, 33, 64), (2, 8, 31), (7, 70, 100), (33, 17, 600)])
  func productsAreThoseOfTheUnpackedWeights(_ isa: zoo_isa, _ extents: (Int, Int, Int)) {
    var numbers = Numbers(seed: 1)
    for block in [16, 32, 128] {
      for kind in 0..<4 {
        let s = Sample(extents.0, extents.1, extents.2, block, kind, &numbers)
        let got = s.run(isa, threads: 0)
        for i in 0..<s.m {
          for j in 0..<s.n {
            var (sum, size) = (Double(s.bias[j]), 1.0)
            for p in 0..<s.k {
              let term = Double(s.a[i * s.k + p]) * s.weight(p, j)
              (sum, size) = (sum + term, size + abs(term))
            }
            #expect(abs(Double(got[i * s.n + j]) - sum) <= 1e-5 * size)
          }
        }
        #expect(got == s.run(isa, threads: 1))
      }
    }
  }
}
