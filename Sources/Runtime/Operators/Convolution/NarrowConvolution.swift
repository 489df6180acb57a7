import CKernels
import ModelFormat

// Convolution to few output elements per channel.
extension Conv {
  /// The kernel whose vectors run over output channels; `nil` if the usual one is the better one.
  func narrow(_ io: NodeIO, _ shape: zoo_conv_shape, _ isa: zoo_isa) throws(ModelError) -> Kernel? {
    var shape = shape
    var none = zoo_epilogue()
    let depth = shape.in_channels * shape.kernel.0 * shape.kernel.1 * shape.kernel.2
    let columns = shape.out_channels
    guard !io.has(3), zoo_conv_narrow_f32_suits(isa, &shape, &none) != 0,
      let gain = try io.constantRow(4),
      let packed = try io.packed(
        1, "gemm_f32_columns\(gain.name)", replaces: true,
        { (weight) throws(ModelError) in
          let weight = try Self.scaled(HalfStaging.widened(weight), gain.values)
          let bytes = zoo_gemm_f32_packed_bytes(isa, depth, columns)
          return try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
            try weight.withElements(of: Float.self) { (from) throws(ModelError) in
              zoo_gemm_f32_pack(isa, depth, columns, from.baseAddress, depth, 1, 1, to.baseAddress)
            }
          }
        })
    else { return nil }
    let (hasBias, activation, extents) = (io.has(2), activation, shape)
    return Kernel(
      "conv_narrow_f32_\(String(cString: zoo_isa_name(isa)))",
      scratchBytes: zoo_conv_narrow_f32_scratch_bytes(&shape)
    ) { (context) throws(ModelError) in
      var shape = extents
      var epilogue = zoo_epilogue()
      epilogue.activation = activation
      if hasBias { epilogue.bias = context.input(2) }
      try packed.withBytes { (weights) throws(ModelError) in
        zoo_conv_narrow_f32_run(
          isa, &shape, context.input(0), weights.baseAddress, context.output(0), context.scratch,
          &epilogue, Int32(context.threads))
      }
    }
  }
}
