import ZooRuntime

/// How nodes change from one version of ONNX's operators to the next.
enum OpsetSteps {
  typealias Step = @Sendable (inout NodeUpgrade) throws(ModelError) -> Void

  /// By the version in which the operator changed, then by operator.
  static let all: [Int: [String: Step]] = [
    9: [
      "BatchNormalization": batchNormalization9, "Upsample": upsample9,
      "Scan": refuse("Scan without a batch axis came with opset 9"),
    ],
    10: ["Upsample": upsample10, "TopK": topK10, "Slice": slice10, "Dropout": dropout10],
    11: ["Clip": clip11, "Pad": pad11, "Resize": resize11, "Scatter": scatter11],
    12: ["Dropout": dropout12],
    13: [
      "Softmax": softmax13, "LogSoftmax": softmax13, "Hardmax": softmax13,
      "Squeeze": axes, "Unsqueeze": axes, "ReduceSum": axes, "Split": split13,
      "Resize": resize13,
    ],
    14: ["BatchNormalization": batchNormalization14],
    16: ["RoiAlign": roiAlign16],
    18: [
      "ReduceMax": axes, "ReduceMin": axes, "ReduceMean": axes, "ReduceProd": axes,
      "ReduceL1": axes, "ReduceL2": axes, "ReduceLogSum": axes, "ReduceLogSumExp": axes,
      "ReduceSumSquare": axes, "Split": split18,
    ],
    20: ["GridSample": gridSample20, "DFT": dft20],
    21: ["GroupNormalization": refuse("GroupNormalization with scales per group")],
  ]

  private static func refuse(_ found: String) -> Step {
    { (edit) throws(ModelError) in throw edit.refusal(found) }
  }

  /// `axes` becomes input 1.
  private static let axes: Step = { (edit) throws(ModelError) in
    if let axes = edit.takeInts("axes") { try edit.setInput(1, "axes", axes) }
  }

  private static let batchNormalization9: Step = { (edit) throws(ModelError) in
    if edit.takeInt("spatial") == 0 {
      throw edit.refusal("BatchNormalization with statistics per position")
    }
  }

  private static let batchNormalization14: Step = { (edit) throws(ModelError) in
    if edit.node.outputs.dropFirst().contains(where: { $0 != nil }) {
      throw edit.refusal(
        "BatchNormalization in training form", remedy: "export the model for inference")
    }
  }

  private static let upsample9: Step = { (edit) throws(ModelError) in
    if case .floats(let scales)? = edit.take("scales") {
      edit.setInput(1, "scales", try Tensor(scales, shape: [scales.count]))
    }
  }

  private static let upsample10: Step = { (edit) throws(ModelError) in
    edit.node.opType = "Resize"
  }

  /// `Resize` before opset 11 maps positions by the scale alone; nearest ones are rounded up along axes that shrink,
  /// and down along others.
  private static let resize11: Step = { (edit) throws(ModelError) in
    let roi = try Tensor([Float](), shape: [0])
    let scales = edit.node.inputs.count > 1 ? edit.node.inputs[1] : nil
    let factors = try scales.flatMap { (value) throws(ModelError) in
      try edit.writer.editor.weight(value)?.tensor().array(of: Float.self)
    }
    let shrinks = factors?.contains { $0 < 1 } ?? false
    if edit.isNearest, factors == nil || (shrinks && factors?.contains { $0 > 1 } ?? true) {
      throw edit.refusal("Resize whose scales are unknown, or shrink some axes and stretch others")
    }
    edit.node.inputs = [edit.node.inputs[0], nil, scales]
    edit.setInput(1, "roi", roi)
    edit.node.attributes += [
      Attribute("coordinate_transformation_mode", .string("asymmetric")),
      Attribute("nearest_mode", .string(shrinks ? "ceil" : "floor")),
    ]
  }

  private static let resize13: Step = { (edit) throws(ModelError) in
    if case .string("tf_half_pixel_for_nn")? = edit.node.attribute("coordinate_transformation_mode")
    {
      throw edit.refusal("Resize with coordinate_transformation_mode 'tf_half_pixel_for_nn'")
    }
  }

  private static let topK10: Step = { (edit) throws(ModelError) in
    if let k = edit.takeInt("k") { try edit.setInput(1, "k", [k]) }
  }

  private static let slice10: Step = { (edit) throws(ModelError) in
    let axes = edit.takeInts("axes")
    if let starts = edit.takeInts("starts") { try edit.setInput(1, "starts", starts) }
    if let ends = edit.takeInts("ends") { try edit.setInput(2, "ends", ends) }
    if let axes { try edit.setInput(3, "axes", axes) }
  }

  private static let dropout10: Step = { (edit) throws(ModelError) in
    // The mask becomes a tensor of bool.
    guard edit.node.outputs.count > 1, let mask = edit.node.outputs[1] else { return }
    guard edit.writer.editor.consumers(of: mask).isEmpty, !edit.writer.editor.isOutput(mask) else {
      throw edit.refusal("Dropout whose mask is used")
    }
    edit.node.outputs = [edit.node.outputs[0]]
  }

  private static let dropout12: Step = { (edit) throws(ModelError) in
    if let ratio = edit.takeFloat("ratio") {
      edit.setInput(1, "ratio", try Tensor(scalar: ratio))
    }
  }

  private static let clip11: Step = { (edit) throws(ModelError) in
    let greatest = Float.greatestFiniteMagnitude
    try edit.setInput(1, "min", number: edit.takeFloat("min") ?? -greatest)
    try edit.setInput(2, "max", number: edit.takeFloat("max") ?? greatest)
  }

  private static let pad11: Step = { (edit) throws(ModelError) in
    let value = edit.takeFloat("value")
    if let pads = edit.takeInts("pads") { try edit.setInput(1, "pads", pads) }
    if let value { try edit.setInput(2, "value", number: value) }
  }

  private static let scatter11: Step = { (edit) throws(ModelError) in
    edit.node.opType = "ScatterElements"
  }

  private static let split13: Step = { (edit) throws(ModelError) in
    if let split = edit.takeInts("split") { try edit.setInput(1, "split", split) }
  }

  private static let split18: Step = { (edit) throws(ModelError) in
    if edit.node.inputs.count > 1, edit.node.inputs[1] != nil { return }
    edit.node.attributes.append(
      Attribute("num_outputs", .int(Int64(edit.node.outputs.count))))
  }

  private static let roiAlign16: Step = { (edit) throws(ModelError) in
    edit.node.attributes.append(
      Attribute("coordinate_transformation_mode", .string("output_half_pixel")))
  }

  private static let gridSample20: Step = { (edit) throws(ModelError) in
    guard case .string(let mode)? = edit.take("mode") else { return }
    let names = ["bilinear": "linear", "bicubic": "cubic"]
    edit.node.attributes.append(Attribute("mode", .string(names[mode] ?? mode)))
  }

  private static let dft20: Step = { (edit) throws(ModelError) in
    let axis = edit.takeInt("axis") ?? 1
    edit.setInput(2, "axis", try Tensor(scalar: axis))
  }

  /// Before opset 13 all axes from `axis` on are normalised together; since then only `axis`. Both are the same for
  /// the last axis; for others the trailing axes are made one and split again afterwards.
  private static let softmax13: Step = { (edit) throws(ModelError) in
    guard let input = edit.node.inputs.first ?? nil else { return }
    let axis = edit.takeInt("axis") ?? 1
    let rank = edit.types[input]?.shape?.rank
    if axis == -1 || rank.map({ Int(axis) == $0 - 1 }) ?? false {
      edit.node.attributes = [Attribute("axis", .int(-1))]
      return
    }
    let name = edit.writer.editor.displayName(of: edit.node)
    let shape = edit.writer.add("Shape", [input], named: "\(name)/shape", before: edit.index)
    let flat = edit.writer.add(
      "Flatten", [input], named: "\(name)/flat", before: edit.index,
      attributes: [Attribute("axis", .int(axis))])
    let result = edit.writer.add(
      edit.node.opType, [flat], named: "\(name)/rows", before: edit.index,
      attributes: [Attribute("axis", .int(-1))])
    edit.node.opType = "Reshape"
    edit.node.inputs = [result, shape]
    edit.node.attributes = []
  }
}
