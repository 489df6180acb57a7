import CKernels
import Foundation
import Testing

private func exactSoftmax(_ v: [Double], logarithm: Bool) -> [Double] {
  let top = v.max() ?? 0
  let total = v.reduce(0) { $0 + exp($1 - top) }
  return v.map { logarithm ? $0 - top - log(total) : exp($0 - top) / total }
}

private func exactNorm(_ v: [Double], epsilon: Double, rms: Bool) -> [Double] {
  let mean = rms ? 0 : v.reduce(0, +) / Double(v.count)
  let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(v.count)
  return v.map { ($0 - mean) / (variance + epsilon).squareRoot() }
}

@Suite struct RowKernelTests {
  @Test(arguments: instructionSets, [1, 2, 7, 8, 15, 16, 17, 33, 128, 5000])
  func softmaxOfRows(isa: InstructionSet, columns: Int) {
    var noise = Noise(seed: 4)
    let rows = 3
    let x = noise.floats(rows * columns, in: -20...20)
    let mask = noise.floats(rows * columns, in: -5...0)
    for logarithm in [false, true] {
      for (scale, maskStride) in [(Float(1), -1), (0.25, 0), (0.25, columns)] {
        var y = x
        y.withUnsafeMutableBufferPointer { y in
          mask.withUnsafeBufferPointer { mask in
            var call = zoo_softmax_rows(
              x: y.baseAddress!, y: y.baseAddress!, rows: rows, columns: columns, scale: scale,
              mask: maskStride < 0 ? nil : mask.baseAddress!, mask_stride: max(maskStride, 0),
              logarithm: logarithm ? 1 : 0)
            isa.kernels.softmax_rows(&call)
          }
        }
        for r in 0..<rows {
          let v = (0..<columns).map { c in
            Double(x[r * columns + c]) * Double(scale)
              + (maskStride < 0 ? 0 : Double(mask[r * maskStride + c]))
          }
          expectClose(
            Array(y[r * columns..<(r + 1) * columns]), exactSoftmax(v, logarithm: logarithm),
            ulps: 4,
            absolute: logarithm ? 8e-6 : 2e-6)
        }
      }
    }
  }

  @Test(arguments: instructionSets, [1, 2, 15, 16, 17, 40])
  func softmaxOfColumns(isa: InstructionSet, inner: Int) {
    var noise = Noise(seed: 5)
    let (outer, axis) = (2, 9)
    let x = noise.floats(outer * axis * inner, in: -20...20)
    for logarithm in [false, true] {
      var y = [Float](repeating: 0, count: x.count)
      var call = zoo_softmax_columns()
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          call = zoo_softmax_columns(
            x: x.baseAddress!, y: y.baseAddress!, outer: outer, axis: axis, inner: inner,
            logarithm: logarithm ? 1 : 0)
          isa.kernels.softmax_columns(&call)
        }
      }
      for o in 0..<outer {
        for i in 0..<inner {
          let places = (0..<axis).map { (o * axis + $0) * inner + i }
          let want = exactSoftmax(places.map { Double(x[$0]) }, logarithm: logarithm)
          expectClose(places.map { y[$0] }, want, ulps: 4, absolute: logarithm ? 4e-6 : 1e-7)
        }
      }
    }
  }

  @Test(arguments: instructionSets, [1, 3, 8, 16, 17, 384, 4097])
  func rowNorms(isa: InstructionSet, columns: Int) {
    var noise = Noise(seed: 6)
    let rows = 2
    // A mean far from zero: one pass over the squares would lose the variance.
    let x = noise.floats(rows * columns, in: 99...101)
    let skip = noise.floats(rows * columns)
    let bias = noise.floats(columns)
    let scale = noise.floats(columns)
    let shift = noise.floats(columns)
    for rms in [false, true] {
      for usesSkip in [false, true] {
        var y = x
        var sum = x
        x.withUnsafeBufferPointer { x in
          var call = zoo_row_norm()
          call.x = x.baseAddress!
          call.rows = rows
          call.columns = columns
          call.epsilon = 1e-5
          call.root_mean_square = rms ? 1 : 0
          scale.withUnsafeBufferPointer { scale in
            shift.withUnsafeBufferPointer { shift in
              skip.withUnsafeBufferPointer { skip in
                bias.withUnsafeBufferPointer { bias in
                  y.withUnsafeMutableBufferPointer { y in
                    sum.withUnsafeMutableBufferPointer { sum in
                      call.scale = scale.baseAddress!
                      call.shift = shift.baseAddress!
                      call.y = y.baseAddress!
                      if usesSkip {
                        call.skip = skip.baseAddress!
                        call.bias = bias.baseAddress!
                        call.sum = sum.baseAddress!
                      }
                      isa.kernels.row_norm(&call)
                    }
                  }
                }
              }
            }
          }
        }
        for r in 0..<rows {
          let v = (0..<columns).map { c -> Double in
            let i = r * columns + c
            return usesSkip ? Double((x[i] + skip[i]) + bias[c]) : Double(x[i])
          }
          if usesSkip { expectClose(Array(sum[r * columns..<(r + 1) * columns]), v, ulps: 0.5001) }
          let want = exactNorm(v, epsilon: 1e-5, rms: rms).enumerated().map {
            $1 * Double(scale[$0]) + Double(shift[$0])
          }
          // One rounding of the mean, seen through the division by the deviation.
          let absolute = columns < 8 ? 0.01 : 4e-5
          expectClose(Array(y[r * columns..<(r + 1) * columns]), want, ulps: 2, absolute: absolute)
        }
      }
    }
  }

  @Test(arguments: instructionSets, [1, 4, 17])
  func groupNorms(isa: InstructionSet, spatial: Int) {
    var noise = Noise(seed: 7)
    let (groups, channels) = (4, 3)
    let x = noise.floats(groups * channels * spatial, in: 2...5)
    let scale = noise.floats(6)
    let shift = noise.floats(6)
    var y = x
    y.withUnsafeMutableBufferPointer { y in
      scale.withUnsafeBufferPointer { scale in
        shift.withUnsafeBufferPointer { shift in
          var call = zoo_group_norm(
            x: y.baseAddress!, y: y.baseAddress!, scale: scale.baseAddress!,
            shift: shift.baseAddress!,
            groups: groups, channels: channels, spatial: spatial, parameters: 6, epsilon: 1e-5)
          isa.kernels.group_norm(&call)
        }
      }
    }
    let size = channels * spatial
    for g in 0..<groups {
      let group = exactNorm(
        x[g * size..<(g + 1) * size].map(Double.init), epsilon: 1e-5, rms: false)
      let want = group.enumerated().map { i, v in
        let parameter = (g * channels + i / spatial) % 6
        return v * Double(scale[parameter]) + Double(shift[parameter])
      }
      expectClose(Array(y[g * size..<(g + 1) * size]), want, ulps: 2, absolute: 2e-6)
    }
  }

  @Test(arguments: instructionSets, [1, 2, 3, 4])
  func localResponses(isa: InstructionSet, quarters: Int) {
    var noise = Noise(seed: 9)
    let (channels, spatial, before, after) = (7, 19, 1, 2)
    let x = noise.floats(channels * spatial, in: -3...3)
    var y = [Float](repeating: .nan, count: x.count)
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        for (first, end) in [(0, 3), (3, 7)] {
          var call = zoo_local_response(
            x: x.baseAddress!, y: y.baseAddress!, channels: channels, spatial: spatial,
            first: first, end: end, before: before, after: after, alpha: 0.3, bias: 1.5,
            quarters: Int32(quarters))
          isa.kernels.local_response(&call)
        }
      }
    }
    let want = x.indices.map { index in
      let (c, i) = (index / spatial, index % spatial)
      let window = max(0, c - before)...min(channels - 1, c + after)
      let sum = window.map { Double(x[$0 * spatial + i]) }.reduce(0) { $0 + $1 * $1 }
      return Double(x[index]) / pow(1.5 + 0.3 * sum, Double(quarters) / 4)
    }
    expectClose(y, want, ulps: 4, absolute: 1e-7)
  }

  @Test(arguments: instructionSets, [0, 1, 7, 16, 19])
  func scaleAndShift(isa: InstructionSet, spatial: Int) {
    var noise = Noise(seed: 8)
    let x = noise.floats(3 * spatial)
    let scale = noise.floats(3)
    let shift = noise.floats(3)
    var y = x
    isa.kernels.scale_shift(x, scale, shift, &y, 3, spatial)
    let want = x.indices.map {
      Double(x[$0]) * Double(scale[$0 / spatial]) + Double(shift[$0 / spatial])
    }
    expectClose(y, want, ulps: 1, absolute: 1e-7)
  }
}
