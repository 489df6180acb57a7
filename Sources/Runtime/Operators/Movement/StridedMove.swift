import CKernels

/// Moving a box of elements: `y[outOffset + Σ iₖ·outStrideₖ] = x[inOffset + Σ iₖ·inStrideₖ]`. Strides and offsets
/// are in elements; an input stride may be 0 or negative.
struct StridedMove {
  var extents: [Int]
  var inStrides: [Int]
  var outStrides: [Int]
  var inOffset = 0
  var outOffset = 0

  /// The move, ready to run on elements of `elementSize` bytes.
  ///
  /// - Throws: `.limitExceeded` if it takes more axes than the kernel has.
  func planned(_ elementSize: Int) throws(ModelError) -> PlannedMove {
    var plan = zoo_move()
    let taken = zoo_move_plan(
      &plan, Int32(extents.count), extents.map(Int64.init), inStrides.map(Int64.init),
      outStrides.map(Int64.init), Int64(elementSize))
    guard taken != 0 else {
      throw ModelError(
        .limitExceeded, "a movement over more than \(ZOO_MOVE_RANK) axes",
        expected: "a tensor of lower rank")
    }
    return PlannedMove(
      plan: plan, inByteOffset: inOffset * elementSize, outByteOffset: outOffset * elementSize)
  }

  /// One kernel for one move from input 0 to output 0.
  func kernel(_ name: String, _ io: NodeIO) throws(ModelError) -> Kernel {
    let move = try planned(io.input(0).element.byteWidth)
    return Kernel(name) { context in
      move.run(from: context.inputBytes(0), to: context.outputBytes(), context)
    }
  }
}

/// A move that the kernel can run.
struct PlannedMove: Sendable {
  fileprivate let plan: zoo_move
  fileprivate let inByteOffset: Int
  fileprivate let outByteOffset: Int

  /// Bytes that are worth handing to another thread.
  private static let grainBytes = 1 << 15

  func run(
    from x: UnsafeRawPointer, to y: UnsafeMutableRawPointer, _ context: borrowing KernelContext
  ) {
    guard plan.items > 0 else { return }
    nonisolated(unsafe) let x = x + inByteOffset
    nonisolated(unsafe) let y = y + outByteOffset
    let bytes = Int(plan.rank == 0 ? 1 : elementCount / plan.items * plan.element_size)
    context.parallel(Int(plan.items), grain: max(1, Self.grainBytes / max(1, bytes))) { range in
      withUnsafePointer(to: plan) {
        zoo_move_run($0, x, y, Int64(range.lowerBound), Int64(range.upperBound))
      }
    }
  }

  private var elementCount: Int64 {
    withUnsafeBytes(of: plan.extent) { raw in
      raw.bindMemory(to: Int64.self).prefix(Int(plan.rank)).reduce(1, *)
    }
  }
}

/// The distance of neighbours along each axis of a row-major tensor, in elements.
func rowMajorStrides(_ extents: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: extents.count)
  for axis in strides.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] * extents[axis + 1]
  }
  return strides
}

extension ElementType {
  /// Bytes of one element that does not share its byte.
  var byteWidth: Int { max(1, bitWidth / 8) }
}
