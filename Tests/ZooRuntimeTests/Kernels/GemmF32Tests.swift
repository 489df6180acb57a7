import CKernels
import Testing

@Suite struct GemmF32Tests {
  static let extents = [0, 1, 2, 4, 5, 7, 12, 13, 16, 17, 31, 33, 65]
  static let depths = [0, 1, 3, 16, 70, 1025, 1600]

  static func compare(
    _ got: [Float], _ a: Matrix, _ b: Matrix, alpha: Double, ldc: Int, _ finish: Finish,
    _ what: String
  ) {
    for i in 0..<a.rows {
      for j in 0..<b.columns {
        var sum = 0.0
        var size = 0.0
        for p in 0..<a.columns {
          let term = alpha * Double(a[i, p]) * Double(b[p, j])
          sum += term
          size += abs(term)
        }
        let want = finish.apply(sum, row: i, column: j, ld: ldc)
        let value = got[i * ldc + j]
        if abs(Double(value) - want) <= 1e-6 * (size + 4) { continue }
        Issue.record("\(what) at [\(i), \(j)]: got \(value), want \(want)")
        return
      }
    }
  }

  static func someFinish(_ count: Int, _ n: inout Numbers, _ index: Int) -> Finish {
    Finish(
      bias: n.flag() ? n.floats(count) : nil, biasPerRow: n.flag(),
      residual: n.flag() ? n.floats(count * 140) : nil,
      activation: allActivations[index % allActivations.count])
  }

  @Test(arguments: availableISAs)
  func packedProductsMatchTheDoubleReference(_ isa: zoo_isa) {
    var numbers = Numbers(seed: 1)
    var index = 0
    for m in Self.extents {
      for n in Self.extents {
        let k = Self.depths[index % Self.depths.count]
        index += 1
        let a = Matrix(m, k, transposed: numbers.flag(), padding: index % 3, &numbers)
        let b = Matrix(k, n, transposed: numbers.flag(), padding: index % 2, &numbers)
        let ldc = n + index % 4
        let finish = Self.someFinish(max(m, n) + 1, &numbers, index)
        let packed = PackedBytes(zoo_gemm_f32_packed_bytes(isa, Int64(k), Int64(n)))
        zoo_gemm_f32_pack(
          isa, Int64(k), Int64(n), b.data, Int64(b.ld), b.transposed ? 1 : 0, 0.5, packed.pointer)
        var results: [[Float]] = []
        for threads in [Int32(1), 0] {
          var c = [Float](repeating: .nan, count: max(m * ldc, 1))
          finish.withEpilogue(ld: ldc) { epilogue in
            zoo_gemm_f32_run(
              isa, Int64(m), Int64(n), Int64(k), a.data, Int64(a.ld), a.transposed ? 1 : 0,
              packed.pointer, &c, Int64(ldc), &epilogue, threads)
          }
          results.append(c)
        }
        let what = "\(isa) m \(m) n \(n) k \(k)"
        Self.compare(results[0], a, b, alpha: 0.5, ldc: ldc, finish, what)
        let bits = results.map { $0.map(\.bitPattern) }
        #expect(bits[0] == bits[1], "\(what): threads change the result")
      }
    }
  }

  @Test(arguments: availableISAs)
  func batchesMatchTheDoubleReference(_ isa: zoo_isa) {
    var numbers = Numbers(seed: 2)
    for (index, (m, n, k)) in [
      (1, 1, 1), (5, 33, 17), (13, 16, 0), (0, 4, 4), (40, 31, 800), (128, 128, 32), (1, 64, 64),
    ].enumerated() {
      let a = (0..<3).map { _ in
        Matrix(m, k, transposed: index % 2 == 1, padding: 2, &numbers)
      }
      let b = (0..<3).map { _ in Matrix(k, n, transposed: index % 3 == 0, padding: 1, &numbers) }
      let ldc = n + 3
      let aOffsets = a.indices.map { Int64($0 * a[0].data.count) }
      let bOffsets = b.indices.map { Int64($0 * b[0].data.count) }
      let cOffsets = a.indices.map { Int64($0 * m * ldc) }
      var c = [Float](repeating: .nan, count: max(3 * m * ldc, 1))
      aOffsets.withUnsafeBufferPointer { ao in
        bOffsets.withUnsafeBufferPointer { bo in
          cOffsets.withUnsafeBufferPointer { co in
            var shape = zoo_gemm_f32_batch(
              batch: 3, m: Int64(m), n: Int64(n), k: Int64(k), lda: Int64(a[0].ld),
              ldb: Int64(b[0].ld), ldc: Int64(ldc), a_transposed: a[0].transposed ? 1 : 0,
              b_transposed: b[0].transposed ? 1 : 0, a_offsets: ao.baseAddress,
              b_offsets: bo.baseAddress, c_offsets: co.baseAddress, alpha: 0.25)
            zoo_gemm_f32_run_batch(
              isa, &shape, a.flatMap(\.data), b.flatMap(\.data), &c, nil, 0)
          }
        }
      }
      for i in a.indices {
        let part = Array(c[Int(cOffsets[i])...].prefix(max(m * ldc, 1)))
        Self.compare(
          part, a[i], b[i], alpha: 0.25, ldc: ldc, Finish(), "\(isa) batch case \(index)")
      }
    }
  }

  /// Packing part by part gives the same bytes, and what has been read is not read again.
  @Test(arguments: availableISAs)
  func packsInParts(_ isa: zoo_isa) {
    var numbers = Numbers(seed: 6)
    for (index, (k, n)) in [(1, 1), (7, 1), (3, 5), (70, 33), (65, 200), (5, 64)].enumerated() {
      for transposed in [false, true] {
        var b = Matrix(k, n, transposed: transposed, padding: index % 2, &numbers)
        let bytes = zoo_gemm_f32_packed_bytes(isa, Int64(k), Int64(n))
        let (whole, pieces) = (PackedBytes(bytes), PackedBytes(bytes))
        let (ld, flag) = (Int64(b.ld), Int32(transposed ? 1 : 0))
        zoo_gemm_f32_pack(isa, Int64(k), Int64(n), b.data, ld, flag, 0.5, whole.pointer)
        for part in 0..<Int64(3) {
          let read = zoo_gemm_f32_pack_part(
            isa, Int64(k), Int64(n), b.data, ld, flag, 0.5, pieces.pointer, part, 3)
          for place in 0..<min(b.data.count, Int(read) / 4) { b.data[place] = .nan }
          if part == 2 { #expect(Int(read) == (transposed ? n : k) * b.ld * 4) }
        }
        let same = UnsafeRawBufferPointer(start: whole.pointer, count: bytes)
          .elementsEqual(UnsafeRawBufferPointer(start: pieces.pointer, count: bytes))
        #expect(same, "\(k) × \(n)")
      }
    }
  }

  @Test(arguments: availableISAs)
  func aResidualMayLieInTheResult(_ isa: zoo_isa) {
    var numbers = Numbers(seed: 3)
    let (m, n, k) = (13, 35, 1600)
    let a = Matrix(m, k, transposed: false, padding: 0, &numbers)
    let b = Matrix(k, n, transposed: false, padding: 0, &numbers)
    let packed = PackedBytes(zoo_gemm_f32_packed_bytes(isa, Int64(k), Int64(n)))
    zoo_gemm_f32_pack(isa, Int64(k), Int64(n), b.data, Int64(n), 0, 1, packed.pointer)
    var c = numbers.floats(m * n)
    let finish = Finish(residual: c)
    c.withUnsafeMutableBufferPointer { c in
      var epilogue = zoo_epilogue()
      epilogue.residual = UnsafePointer(c.baseAddress)
      epilogue.residual_ld = Int64(n)
      zoo_gemm_f32_run(
        isa, Int64(m), Int64(n), Int64(k), a.data, Int64(k), 0, packed.pointer, c.baseAddress,
        Int64(n), &epilogue, 0)
    }
    Self.compare(c, a, b, alpha: 1, ldc: n, finish, "\(isa)")
  }

  @Test(arguments: availableISAs, [-200, -90, -5.5, -1e-4, 0, 0.3, 9, 88, 200] as [Float])
  func activationsHoldOverTheirWholeRange(_ isa: zoo_isa, _ x: Float) {
    for activation in allActivations {
      var epilogue = zoo_epilogue()
      epilogue.activation = activation
      var got: Float = .nan
      withUnsafePointer(to: x) { bias in
        epilogue.bias = bias
        zoo_gemm_f32_run(isa, 1, 1, 0, [0], 1, 0, [Float(0)], &got, 1, &epilogue, 1)
      }
      let want = activate(Double(x), activation)
      #expect(abs(Double(got) - want) <= 2e-6 * (abs(want) + 0.2), "\(activation.kind)")
    }
  }

  @Test(arguments: availableISAs)
  func notANumberStays(_ isa: zoo_isa) {
    for activation in allActivations {
      var epilogue = zoo_epilogue()
      epilogue.activation = activation
      var got: Float = 0
      withUnsafePointer(to: Float.nan) { bias in
        epilogue.bias = bias
        zoo_gemm_f32_run(isa, 1, 1, 0, [0], 1, 0, [Float(0)], &got, 1, &epilogue, 1)
      }
      #expect(got.isNaN, "\(activation.kind)")
    }
  }
}
