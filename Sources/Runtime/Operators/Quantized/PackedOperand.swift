/// A piece of a kernel's scratch memory.
struct ScratchPart: Sendable {
  let offset: Int

  func pointer(_ context: borrowing KernelContext) -> UnsafeMutableRawPointer {
    context.scratch + offset
  }
}

/// Cuts scratch memory into pieces, each aligned to 64 bytes.
struct ScratchLayout {
  private(set) var bytes = 0

  mutating func add(_ count: Int) -> ScratchPart {
    let part = ScratchPart(offset: bytes)
    bytes += (count + 63) / 64 * 64
    return part
  }
}

/// An operand in the layout of a kernel: packed once if it is a weight, else each time.
struct PackedOperand: Sendable {
  /// Packs from the operand's bytes.
  typealias Pack = @Sendable (UnsafeRawPointer?, UnsafeMutableRawPointer?) -> Void

  private let index: Int
  private let packed: Tensor?
  private let pack: Pack
  private let scratch: ScratchPart

  /// - Parameters:
  ///   - layout: What tells this layout from others of the same weight.
  ///   - bytes: What `pack` fills.
  init(
    _ io: NodeIO, _ index: Int, _ layout: String, _ bytes: Int, _ scratch: inout ScratchLayout,
    _ pack: @escaping Pack
  ) throws(ModelError) {
    (self.index, self.pack) = (index, pack)
    packed = try io.packed(index, layout, replaces: true) { (weight) throws(ModelError) in
      try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
        try weight.withBytes { (from) throws(ModelError) in pack(from.baseAddress, to.baseAddress) }
      }
    }
    self.scratch = scratch.add(packed == nil ? max(bytes, 64) : 0)
  }

  func withBytes(
    _ context: borrowing KernelContext, _ body: (UnsafeRawPointer?) -> Void
  ) throws(ModelError) {
    if let packed {
      try packed.withBytes { (bytes) throws(ModelError) in body(bytes.baseAddress) }
    } else {
      let to = scratch.pointer(context)
      pack(context.inputBytes(index), to)
      body(to)
    }
  }
}
