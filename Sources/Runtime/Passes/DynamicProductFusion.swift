import ModelFormat

/// Makes one integer kernel of a product whose left operand is quantized row by row while the model runs, as
/// `DynamicQuantization` writes it in standard operators:
///
///     lo = Min(ReduceMin(x), 0);  hi = Max(ReduceMax(x), 0)                        along the last axis
///     s  = Max(Div(Sub(hi, lo), 255), ε);   z = Round(Div(Neg(lo), s))
///     q  = Cast_u8(Clip(Add(Round(Div(x, s)), z), 0, 255))
///     y  = Mul(Cast_f32(Sub(MatMulInteger(q, w), Mul(Cast_i32(z), Σₖ w))), Mul(s, ws))
///
/// or tensor by tensor, as other quantizers write it:
///
///     q, s, z = DynamicQuantizeLinear(x);   y = Mul(Cast_f32(MatMulInteger(q, w, z, wz)), Mul(s, ws))
///
/// Requires that Σₖ w has been folded; ensures `DynamicQuantizeRows` and `DynamicQuantizedMatMul`, which takes over a
/// bias, a residual and an activation as well. The sums are the same numbers.
struct DynamicProductFusion: Pass {
  let name = "fuse-dynamic-products"

  /// Operators of domain `zoo` whose inputs 5 and 6 are a bias and a residual.
  private static let extensible: Set = ["DynamicQuantizedMatMul", "BlockQuantizedMatMul"]

  private struct Rows {
    let source: ValueID
    let scale: ValueID
    let zeroPoint: ValueID
    /// The node that makes the integers.
    let index: Int
  }

  private struct Product {
    let rows: Rows
    let weight: ValueID
    let scales: ValueID
    /// The node that makes the result.
    let last: Int
  }

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var fused: [ValueID: [ValueID]] = [:]
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index] else { continue }
      if node.domain == "zoo", Self.extensible.contains(node.opType) {
        if extend(index, node, &context) { changed = true }
        continue
      }
      guard GraphMatcher(context).standard(index) != nil, node.opType == "MatMulInteger",
        let integers = node.inputs[0]
      else { continue }
      if let product = Matcher(context).tensorProduct(index) {
        replace(product, &context)
        context.applied(node, "one integer kernel with its scales")
        changed = true
        continue
      }
      guard let product = Matcher(context).product(index) else { continue }
      let rows = fused[integers] ?? quantize(product.rows, &context)
      fused[integers] = rows
      replace(product, rows, &context)
      context.applied(node, "one integer kernel with its dynamic quantization")
    }
    return changed || !fused.isEmpty
  }

  /// A product of a tensor that is quantized as a whole.
  fileprivate struct TensorProduct {
    let inputs: [ValueID?]
    /// The nodes it replaces; the last makes the result.
    let nodes: [Int]
  }

  private func replace(_ product: TensorProduct, _ context: inout PassContext) {
    guard let last = product.nodes.last, var node = context.editor.nodes[last] else { return }
    node.opType = "DynamicQuantizedMatMul"
    node.domain = "zoo"
    node.attributes = []
    node.inputs = product.inputs
    for index in product.nodes.dropLast() { context.editor.remove(index) }
    context.editor.replace(last, with: node)
  }

  /// Takes over what follows a product: a bias or a residual, then an activation.
  private func extend(_ index: Int, _ node: Node, _ context: inout PassContext) -> Bool {
    guard node.attribute("activation") == nil, let output = node.outputs[0] else { return false }
    var extended = node
    while extended.inputs.count < 8 { extended.inputs.append(nil) }
    var last: Int
    if let match = ActivationMatch(of: output, context), let end = match.nodes.last {
      extended.attributes += FusedActivation.attributes(match.name, match.a, match.b)
      for removed in match.nodes.dropLast() { context.editor.remove(removed) }
      last = end
    } else {
      guard extended.inputs[6] == nil, let next = context.editor.soleConsumer(of: output),
        let add = GraphMatcher(context).standard(next), add.opType == "Add",
        let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0], other != output,
        let type = context.type(other), type.element == .f32
      else { return false }
      if extended.inputs[5] == nil,
        let width = context.type(output)?.shape?.dimensions.last,
        type.shape == Shape([width]), context.editor.weight(other) != nil
      {
        extended.inputs[5] = other
      } else {
        guard let shape = type.shape, !shape.dimensions.contains(.unknown),
          context.type(output)?.shape == shape
        else { return false }
        extended.inputs[6] = other
      }
      last = next
    }
    while let input = extended.inputs.last, input == nil { extended.inputs.removeLast() }
    extended.outputs = context.editor.nodes[last]?.outputs ?? node.outputs
    context.editor.remove(index)
    context.editor.replace(last, with: extended)
    context.applied(node, "takes over what follows")
    return true
  }

  private func quantize(_ rows: Rows, _ context: inout PassContext) -> [ValueID] {
    let name = context.editor.name(of: rows.source)
    let outputs = ["quantized", "scale", "zero"].map {
      context.editor.addValue("\(name)/\($0)")
    }
    context.editor.insert(
      Node(
        "DynamicQuantizeRows", domain: "zoo", name: "\(name)/quantize", inputs: [rows.source],
        outputs: outputs), before: rows.index)
    return outputs
  }

  private func replace(_ product: Product, _ rows: [ValueID], _ context: inout PassContext) {
    var last = product.last
    var inputs: [ValueID?] = rows
    inputs += [product.weight, product.scales]
    if let (next, bias) = Matcher(context).bias(after: product) {
      inputs.append(bias)
      context.editor.remove(last)
      last = next
    }
    guard var node = context.editor.nodes[last] else { return }
    node.opType = "DynamicQuantizedMatMul"
    node.domain = "zoo"
    node.attributes = []
    node.inputs = inputs
    context.editor.replace(last, with: node)
  }

  private struct Matcher {
    let context: PassContext

    init(_ context: PassContext) { self.context = context }

    func product(_ index: Int) -> Product? {
      guard let node = context.editor.nodes[index], node.inputs.count == 2,
        let weight = node.inputs[1], let matrix = constant(weight), matrix.elementType == .i8,
        matrix.shape.count == 2, let rows = rows(node.inputs[0]),
        let (subtract, sum) = next(index, "Sub"), sum.inputs[0] == node.outputs[0],
        let shift = made(sum.inputs[1], "Mul"), isZeroPoint(shift.inputs[0], rows),
        let sums = constant(shift.inputs[1]), hold(sums, sumsOf: matrix),
        let (cast, real) = next(subtract, "Cast"), real.casts(to: .f32),
        let (last, result) = next(cast, "Mul"), result.inputs[0] == real.outputs[0],
        let scale = made(result.inputs[1], "Mul"), scale.inputs[0] == rows.scale,
        let scales = scale.inputs[1], let values = constant(scales), values.elementType == .f32,
        values.shape == [matrix.shape[1]]
      else { return nil }
      return Product(rows: rows, weight: weight, scales: scales, last: last)
    }

    /// The product of a tensor that `DynamicQuantizeLinear` rounded, scaled back.
    func tensorProduct(_ index: Int) -> TensorProduct? {
      guard let node = context.editor.nodes[index], node.inputs.count >= 3,
        let quantize = made(node.inputs[0], "DynamicQuantizeLinear"), quantize.outputs.count == 3,
        node.inputs[0] == quantize.outputs[0],
        node.inputs[2] == quantize.outputs[2], let matrix = constant(node.inputs[1]),
        matrix.shape.count == 2, matrix.elementType == .i8 || matrix.elementType == .u8,
        let (cast, real) = next(index, "Cast"), real.casts(to: .f32),
        let (last, result) = next(cast, "Mul"), let other = other(result, than: real.outputs[0]),
        let scale = made(other, "Mul"), let scales = self.other(scale, than: quantize.outputs[1]),
        let values = constant(scales), values.elementType == .f32,
        values.shape.isEmpty || values.shape == [1] || values.shape == [matrix.shape[1]]
      else { return nil }
      let zero = node.inputs.count > 3 ? node.inputs[3] : nil
      if let zero {
        guard let zeros = constant(zero), zeros.count == 1 || zeros.shape == [matrix.shape[1]]
        else {
          return nil
        }
      }
      var inputs: [ValueID?] = [quantize.outputs[0], quantize.outputs[1], quantize.outputs[2]]
      inputs += [node.inputs[1], scales, nil, nil, zero]
      while let input = inputs.last, input == nil { inputs.removeLast() }
      return TensorProduct(inputs: inputs, nodes: [index, cast, last])
    }

    /// The operand of a node of two that is not `value`; `nil` if neither or both are.
    private func other(_ node: Node, than value: ValueID?) -> ValueID? {
      guard node.inputs.count == 2, node.inputs[0] != node.inputs[1] else { return nil }
      if node.inputs[0] == value { return node.inputs[1] }
      return node.inputs[1] == value ? node.inputs[0] : nil
    }

    /// The node that adds one constant per column to the product, and that constant.
    func bias(after product: Product) -> (index: Int, bias: ValueID)? {
      guard let (index, add) = next(product.last, "Add"),
        let width = context.editor.weight(product.scales)?.shape
      else { return nil }
      let output = context.editor.nodes[product.last]?.outputs[0]
      let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0]
      guard let other, let bias = constant(other), bias.elementType == .f32, bias.shape == width
      else { return nil }
      return (index, other)
    }

    private func rows(_ integers: ValueID?) -> Rows? {
      guard let cast = made(integers, "Cast"), cast.casts(to: .u8),
        let clip = made(cast.inputs[0], "Clip"), clip.inputs.count == 3,
        scalar(clip.inputs[1]) == 0, scalar(clip.inputs[2]) == 255,
        let add = made(clip.inputs[0], "Add"), let zeroPoint = add.inputs[1],
        let round = made(add.inputs[0], "Round"), let ratio = made(round.inputs[0], "Div"),
        let source = ratio.inputs[0], let scale = ratio.inputs[1],
        let offset = made(zeroPoint, "Round").flatMap({ made($0.inputs[0], "Div") }),
        offset.inputs[1] == scale, let depth = made(offset.inputs[0], "Neg"),
        let low = depth.inputs[0], isExtreme(low, "Min", source),
        let limit = made(scale, "Max"), limit.inputs.count == 2,
        let least = scalar(limit.inputs[1]), least > 0, least <= .leastNormalMagnitude,
        let step = made(limit.inputs[0], "Div"), scalar(step.inputs[1]) == 255,
        let range = made(step.inputs[0], "Sub"), range.inputs[1] == low,
        isExtreme(range.inputs[0], "Max", source),
        let index = context.editor.producer(of: integers)
      else { return nil }
      return Rows(source: source, scale: scale, zeroPoint: zeroPoint, index: index)
    }

    /// Whether `value` is the least or greatest element of each row of `source`, 0 included.
    private func isExtreme(_ value: ValueID?, _ kind: String, _ source: ValueID) -> Bool {
      guard let node = made(value, kind), node.inputs.count == 2, scalar(node.inputs[1]) == 0,
        let reduce = made(node.inputs[0], "Reduce" + kind), reduce.inputs[0] == source
      else { return false }
      if case .int(let keeps)? = reduce.attribute("keepdims"), keeps == 0 { return false }
      if case .ints(let axes)? = reduce.attribute("axes") { return axes == [-1] }
      guard reduce.inputs.count == 2, let axes = constant(reduce.inputs[1]) else { return false }
      return axes.integers == [-1]
    }

    private func isZeroPoint(_ value: ValueID?, _ rows: Rows) -> Bool {
      guard let cast = made(value, "Cast") else { return false }
      return cast.casts(to: .i32) && cast.inputs[0] == rows.zeroPoint
    }

    private func hold(_ sums: Tensor, sumsOf matrix: Tensor) -> Bool {
      guard let found = try? sums.array(of: Int32.self), sums.shape == [matrix.shape[1]],
        let elements = try? matrix.array(of: Int8.self)
      else { return false }
      var expected = [Int32](repeating: 0, count: found.count)
      for row in 0..<matrix.shape[0] {
        for column in expected.indices {
          expected[column] &+= Int32(elements[row * expected.count + column])
        }
      }
      return found == expected
    }

    /// The standard node that makes `value`, if it is of that type.
    private func made(_ value: ValueID?, _ opType: String) -> Node? {
      guard let index = context.editor.producer(of: value), let node = context.editor.nodes[index],
        node.opType == opType, Model.canonical(node.domain).isEmpty, !node.inputs.isEmpty
      else { return nil }
      return node
    }

    /// The node of that type that alone reads what node `index` makes.
    private func next(_ index: Int, _ opType: String) -> (index: Int, node: Node)? {
      guard let output = context.editor.nodes[index]?.outputs.first,
        let next = context.editor.soleConsumer(of: output),
        let node = context.editor.nodes[next], node.opType == opType,
        Model.canonical(node.domain).isEmpty
      else { return nil }
      return (next, node)
    }

    private func constant(_ value: ValueID?) -> Tensor? {
      guard let value else { return nil }
      return context.constants[value] ?? (try? context.editor.weight(value)?.tensor())
    }

    private func scalar(_ value: ValueID?) -> Float? {
      guard let tensor = constant(value), tensor.count == 1, tensor.elementType == .f32 else {
        return nil
      }
      return (try? tensor.array(of: Float.self))?.first
    }
  }
}

extension Node {
  fileprivate func casts(to type: ElementType) -> Bool {
    if case .int(let number)? = attribute("to") { number == Int64(type.rawValue) } else { false }
  }
}
