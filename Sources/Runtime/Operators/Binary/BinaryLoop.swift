import CKernels

/// A binary kernel along broadcast operands, which are converted, piece by piece, to the type that it computes in.
struct BinaryLoop: Sendable {
  let op: zoo_binary
  let compute: zoo_scalar
  /// The types of both operands.
  let inputs: [zoo_scalar]
  let output: zoo_scalar
  let broadcast: Broadcast

  private static let pieceSize = 512

  /// The input that the output may replace: one of the same type and shape.
  static func reusable(_ io: NodeIO) -> [Int: Int] {
    guard let y = io.outputs.first ?? nil else { return [:] }
    for (index, input) in io.inputs.enumerated() {
      if let input, input.element == y.element, input.shape == y.shape { return [0: index] }
    }
    return [:]
  }

  func kernel(reusing: [Int: Int]) -> Kernel {
    let name = String(cString: zoo_binary_name(op))
    return Kernel(name, reuses: reusing) { context in
      run(context, context.inputBytes(0), context.inputBytes(1), context.outputBytes())
    }
  }

  func run(
    _ context: borrowing KernelContext, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer,
    _ y: UnsafeMutableRawPointer
  ) {
    guard let kernel = zoo_binary_kernel_for(zoo_cpu_isa(), op, compute) else { return }
    let isDirect = inputs.allSatisfy { $0 == compute } && (output == compute || output == zoo_bool)
    if isDirect, broadcast.rowCount > 1, broadcast.outer.count <= ZOO_BINARY_ROWS_AXES {
      return runRows(kernel, context, (a, b), y)
    }
    let sizes = inputs.map { zoo_scalar_size($0) }
    let outputSize = zoo_scalar_size(output)
    let strides = broadcast.innerStrides
    broadcast.forEachPiece(context) { at, offsets, count in
      let from = (a + offsets[0] * sizes[0], b + offsets[1] * sizes[1])
      let to = y + at * outputSize
      if isDirect {
        kernel(from.0, strides[0], from.1, strides[1], to, count)
      } else {
        converted(kernel, from, to, count)
      }
    }
  }

  private func runRows(
    _ kernel: zoo_binary_kernel, _ context: borrowing KernelContext,
    _ from: (UnsafeRawPointer, UnsafeRawPointer), _ to: UnsafeMutableRawPointer
  ) {
    let (outer, strides) = (broadcast.outer, broadcast.outerStrides)
    outer.withUnsafeBufferPointer { extents in
      strides[0].withUnsafeBufferPointer { first in
        strides[1].withUnsafeBufferPointer { second in
          guard let extents = extents.baseAddress, let first = first.baseAddress,
            let second = second.baseAddress
          else { return }
          let rows = zoo_binary_rows(
            operand: from, result: to, size: zoo_scalar_size(compute),
            result_size: zoo_scalar_size(output), axes: Int32(outer.count), extents: extents,
            strides: (first, second), inner: broadcast.inner,
            steps: (broadcast.innerStrides[0], broadcast.innerStrides[1]))
          let grain = max(1, Broadcast.grain / max(broadcast.inner, 1))
          context.parallel(broadcast.rowCount, grain: grain) { range in
            withUnsafePointer(to: rows) { rows in
              zoo_binary_rows_run(rows, kernel, range.lowerBound, range.upperBound)
            }
          }
        }
      }
    }
  }

  private func converted(
    _ kernel: zoo_binary_kernel, _ from: (UnsafeRawPointer, UnsafeRawPointer),
    _ to: UnsafeMutableRawPointer, _ count: Int
  ) {
    let piece = Self.pieceSize
    let strides = broadcast.innerStrides
    withUnsafeTemporaryAllocation(byteCount: 3 * 8 * piece, alignment: 64) { buffer in
      guard let base = buffer.baseAddress else { return }
      let (x, z, y) = (base, base + 8 * piece, base + 16 * piece)
      for start in stride(from: 0, to: count, by: piece) {
        let n = min(piece, count - start)
        let sources = [from.0, from.1]
        for (operand, target) in [(0, x), (1, z)] {
          let size = zoo_scalar_size(inputs[operand])
          zoo_cast(
            sources[operand] + start * strides[operand] * size, inputs[operand], target, compute,
            strides[operand] == 0 ? 1 : n)
        }
        if output == zoo_bool || output == compute {
          kernel(x, strides[0], z, strides[1], to + start * zoo_scalar_size(output), n)
        } else {
          kernel(x, strides[0], z, strides[1], y, n)
          zoo_cast(y, compute, to + start * zoo_scalar_size(output), output, n)
        }
      }
    }
  }
}
