import Testing
import ZooRuntime

/// Operators whose few bytes of operands ask for more memory than any machine has: refused before a byte is allocated.
@Suite struct OutputMemoryTests {
  struct Request: Sendable, CustomTestStringConvertible {
    let name: String
    var domain = ""
    var opset = 21
    let inputs: [Tensor?]
    var attributes: [Attribute] = []
    var testDescription: String { "\(domain) \(name) of \(inputs.count)" }
  }

  private static let side: Int64 = 1 << 20
  private static let all: Int64 = 1 << 40

  private static func integers(_ values: Int64...) throws -> Tensor {
    try Tensor(values, shape: [values.count])
  }

  private static func scalar<T: TensorElement>(_ value: T) throws -> Tensor {
    try Tensor(scalar: value)
  }

  static let requests = Result { try moving() + making() + imaging() }

  private static func moving() throws -> [Request] {
    let matrix = try Tensor.counting([2, 3])
    let words = try Tensor(strings: ["a", "b"], shape: [2])
    let wide = try integers(0, 0, 0, all)
    return try [
      Request(name: "Pad", inputs: [matrix, wide]),
      Request(
        name: "Pad", inputs: [matrix, wide], attributes: [Attribute("mode", .string("wrap"))]),
      Request(name: "Pad", inputs: [words, integers(0, all)]),
      Request(name: "Pad", domain: "com.microsoft", opset: 1, inputs: [matrix, wide]),
      Request(name: "Tile", inputs: [matrix, integers(side, side)]),
      Request(name: "Tile", inputs: [words, integers(all)]),
      Request(name: "Expand", inputs: [Tensor.counting([1, 1]), integers(side, side)]),
      Request(name: "CenterCropPad", inputs: [matrix, integers(side, side)]),
      Request(name: "OneHot", inputs: [integers(1, 2), scalar(all), .f32([0, 1], [2])]),
    ]
  }

  private static func making() throws -> [Request] {
    let shape = Attribute("shape", .ints([side, side]))
    let range = try [scalar(Int64(0)), scalar(all), scalar(Int64(1))]
    return try [
      Request(name: "ConstantOfShape", inputs: [integers(side, side)]),
      Request(name: "ConstantOfShape", inputs: [integers(1 << 62, 8)]),
      Request(name: "ConstantOfShape", inputs: [integers(1 << 62, 0)]),
      Request(name: "Range", inputs: range),
      Request(name: "Range", domain: "com.microsoft", opset: 1, inputs: range),
      Request(name: "RandomNormal", inputs: [], attributes: [shape]),
      Request(name: "RandomUniform", inputs: [], attributes: [shape]),
      Request(name: "DFT", opset: 20, inputs: [Tensor.counting([1, 4, 1]), scalar(all)]),
    ]
  }

  private static func imaging() throws -> [Request] {
    let image = try Tensor.counting([1, 1, 2, 2])
    let sizes = try integers(1, 1, side, side)
    let large: [Int64] = [side, side]
    return try [
      Request(name: "Resize", inputs: [image, nil, nil, sizes]),
      Request(
        name: "Resize", inputs: [image, nil, nil, integers(1, 1, 1, all)],
        attributes: [Attribute("mode", .string("cubic"))]),
      Request(name: "AffineGrid", opset: 20, inputs: [Tensor.counting([1, 2, 3]), sizes]),
      Request(
        name: "MaxUnpool", inputs: [image, Tensor.zeros(.i64, shape: [1, 1, 2, 2]), sizes],
        attributes: [Attribute("kernel_shape", .ints([1, 1]))]),
      Request(
        name: "ConvTranspose", inputs: [image, image],
        attributes: [Attribute("output_shape", .ints(large))]),
      Request(
        name: "Conv", inputs: [image, image], attributes: [Attribute("pads", .ints(large + large))]),
      Request(
        name: "RoiAlign", inputs: [image, .f32([0, 0, 1, 1], [1, 4]), integers(0)],
        attributes: [
          Attribute("output_height", .int(side)), Attribute("output_width", .int(side)),
        ]),
      Request(
        name: "CropAndResize", domain: "com.microsoft", opset: 1,
        inputs: [
          image, .f32([0, 0, 1, 1], [1, 4]), Tensor([Int32(0)], shape: [1]),
          Tensor([Int32(side), Int32(side)], shape: [2]),
        ]),
    ]
  }

  @Test func isRefusedBeforeItIsAllocated() throws {
    for request in try Self.requests.get() {
      for constants in [Set<Int>(), Set(request.inputs.indices)] {
        let error = #expect(throws: ModelError.self, "\(request.testDescription)") {
          try NodeRunner.run(
            request.name, domain: request.domain, opset: request.opset,
            request.inputs.map { $0.map(Value.tensor) }, request.attributes, constants: constants)
        }
        #expect(
          error?.code == .limitExceeded, "\(request.testDescription): \(error.debugDescription)")
        #expect(error?.site.node?.contains(request.name) == true)
      }
    }
  }

  /// What is made counts, and what is let go counts no more.
  @Test func memoryIsCounted() throws {
    // Tests beside this one take and give less than half of it. It is never touched.
    let bytes = 1 << 30
    let before = TensorMemory.used
    do {
      let buffer = try TensorBuffer(byteCount: bytes)
      #expect(TensorMemory.used > before + bytes / 2)
      #expect(buffer.byteCount == bytes)
    }
    #expect(TensorMemory.used < before + bytes / 2)
    #expect(throws: ModelError.self) { try TensorBuffer(byteCount: TensorMemory.limit + 1) }
  }
}
