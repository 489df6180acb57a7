import CKernels
import ModelFormat

/// An 8-bit convolution for one set of extents.
struct QuantizedConvolution: Sendable {
  let shape: zoo_conv_shape
  let isa: zoo_isa
  let packed: Tensor?
  let packedBytes: Int
  let weights: Int
  let isSigned: Bool

  init(
    _ io: NodeIO, _ geometry: ConvGeometry, weights: Int
  ) throws(ModelError) {
    let (x, w) = (try io.input(0), try io.input(weights))
    let shape = geometry.kernelShape(x: x.shape, w: w.shape, y: try io.output().shape)
    let isa = zoo_cpu_isa()
    let isSigned = w.element == .i8
    let bytes = withUnsafePointer(to: shape) { zoo_qconv_packed_bytes(isa, $0) }
    packed = try io.packed(weights, "qconv_\(geometry.groups)") { (weight) throws(ModelError) in
      try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
        try weight.withBytes { (from) throws(ModelError) in
          var shape = shape
          zoo_qconv_pack(isa, &shape, from.baseAddress, isSigned ? 1 : 0, to.baseAddress)
        }
      }
    }
    packedBytes = bytes
    (self.shape, self.isa, self.weights, self.isSigned) = (shape, isa, weights, isSigned)
  }

  var scratchBytes: Int { packed == nil ? max(packedBytes, 64) : 0 }
  var kernelName: String { "qconv_\(String(cString: zoo_isa_name(isa)))" }

  func run(
    _ context: borrowing KernelContext, xSide: zoo_qside, wSide: zoo_qside, target: zoo_qtarget
  ) throws(ModelError) {
    var (shape, target) = (shape, target)
    let x = context.inputBytes(0)
    let y = context.outputBytes(0)
    guard let packed else {
      zoo_qconv_pack(
        isa, &shape, context.inputBytes(weights), isSigned ? 1 : 0, context.scratch)
      zoo_qconv_run(
        isa, &shape, x, xSide, context.scratch, wSide, y, &target, Int32(context.threads))
      return
    }
    try packed.withBytes { (bytes) throws(ModelError) in
      zoo_qconv_run(
        isa, &shape, x, xSide, bytes.baseAddress, wSide, y, &target, Int32(context.threads))
    }
  }
}
