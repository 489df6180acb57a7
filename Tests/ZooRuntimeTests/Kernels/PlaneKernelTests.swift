import CKernels
import Foundation
import Testing

private struct Window: Sendable, CustomTestStringConvertible {
  let kernel, stride, dilation, pad, extent: Int
  var testDescription: String { "k\(kernel) s\(stride) d\(dilation) p\(pad) n\(extent)" }

  var shape: zoo_pool_2d {
    let out = (extent + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1
    return zoo_pool_2d(
      planes: 2, in_h: extent, in_w: extent, out_h: out, out_w: out, kernel_h: kernel,
      kernel_w: kernel, stride_h: stride, stride_w: stride, dilation_h: dilation,
      dilation_w: dilation, pad_top: pad, pad_left: pad, pad_bottom: pad, pad_right: pad,
      count_include_pad: 0)
  }
}

private let windows = [
  (1, 1, 1, 0, 1), (3, 1, 1, 1, 15), (3, 2, 1, 1, 16), (3, 2, 1, 0, 17), (2, 2, 1, 0, 33),
  (3, 3, 2, 2, 40),
  (5, 1, 2, 4, 9),
].map { Window(kernel: $0.0, stride: $0.1, dilation: $0.2, pad: $0.3, extent: $0.4) }

@Suite struct PlaneKernelTests {
  @Test(arguments: instructionSets, windows)
  fileprivate func pooling(isa: InstructionSet, window: Window) {
    var shape = window.shape
    var noise = Noise(seed: 12)
    let (n, out) = (window.extent, shape.out_h)
    let x = noise.floats(2 * n * n)
    for (isMax, countsPadding) in [(true, false), (false, false), (false, true)] {
      shape.count_include_pad = countsPadding ? 1 : 0
      var y = [Float](repeating: 0, count: 2 * out * out)
      var scratch = [Float](repeating: 0, count: zoo_pool_2d_scratch(&shape))
      let kernel = isMax ? isa.kernels.max_pool_2d : isa.kernels.average_pool_2d
      kernel(&shape, x, &y, &scratch)
      var want: [Double] = []
      for plane in 0..<2 {
        for r in 0..<out {
          for c in 0..<out {
            var values: [Double] = []
            for i in 0..<window.kernel {
              for j in 0..<window.kernel {
                let row = r * window.stride - window.pad + i * window.dilation
                let column = c * window.stride - window.pad + j * window.dilation
                if (0..<n).contains(row), (0..<n).contains(column) {
                  values.append(Double(x[(plane * n + row) * n + column]))
                } else if countsPadding {
                  values.append(0)
                }
              }
            }
            want.append(isMax ? values.max() ?? 0 : values.reduce(0, +) / Double(values.count))
          }
        }
      }
      expectClose(y, want, ulps: 2, absolute: 1e-6)
    }
  }

  @Test(arguments: instructionSets, [1, 7, 16, 17, 33])
  func lstmCells(isa: InstructionSet, hidden: Int) {
    var noise = Noise(seed: 13)
    let gates = noise.floats(4 * hidden, in: -4...4)
    let c = noise.floats(hidden)
    var next = c
    var h = c
    gates.withUnsafeBufferPointer { gates in
      next.withUnsafeMutableBufferPointer { next in
        h.withUnsafeMutableBufferPointer { h in
          var call = zoo_lstm_cell()
          call.gates = gates.baseAddress
          call.c = UnsafePointer(next.baseAddress)
          call.c_next = next.baseAddress
          call.h_next = h.baseAddress
          call.hidden = hidden
          call.clip = .infinity
          isa.kernels.lstm_cell(&call)
        }
      }
    }
    func sigmoid(_ x: Float) -> Double { 1 / (1 + exp(-Double(x))) }
    let cells = (0..<hidden).map { j in
      sigmoid(gates[2 * hidden + j]) * Double(c[j])
        + sigmoid(gates[j]) * tanh(Double(gates[3 * hidden + j]))
    }
    expectClose(next, cells, ulps: 8, absolute: 1e-6)
    let states = (0..<hidden).map { sigmoid(gates[hidden + $0]) * tanh(cells[$0]) }
    expectClose(h, states, ulps: 8, absolute: 1e-6)
  }
}
