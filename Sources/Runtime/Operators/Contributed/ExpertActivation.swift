import CKernels
import LibC
import ModelFormat

/// What stands between the two layers of an expert.
///
/// `relu`, `gelu` (by tanh), `silu`, `identity`, or `swiglu`, which takes two numbers, a gate g and l, for each it gives:
///
///     swiglu: g' · sigmoid(alpha · g') · (l' + beta);   g' = min(g, limit), l' = max(−limit, min(l, limit))
///
/// Gates and the others alternate with `swiglu_fusion` 1, stand behind one another with 2.
struct ExpertActivation: Sendable {
  enum Form: String, CaseIterable, Sendable { case relu, gelu, silu, identity, swiglu }

  let form: Form
  let alpha: Float
  let beta: Float
  let limit: Float
  let alternates: Bool

  init(_ node: NodeReader) throws(ModelError) {
    let name = try node.choice(
      "activation_type", of: Form.allCases.map(\.rawValue), default: Form.relu.rawValue)
    form = Form(rawValue: name) ?? .relu
    alpha = try node.float("activation_alpha", default: 1)
    beta = try node.float("activation_beta", default: 0)
    limit = try node.float("swiglu_limit", default: .infinity)
    let fusion = try node.int("swiglu_fusion", default: 0)
    alternates = fusion == 1
    guard form != .swiglu || fusion == 1 || fusion == 2 else {
      throw ModelError(
        .invalidAttribute, "swiglu_fusion is \(fusion)",
        expected: "1 or 2: gates in the first layer")
    }
  }

  /// Whether two numbers become one.
  var isGated: Bool { form == .swiglu }

  func callAsFunction(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    let op: zoo_unary
    switch form {
    case .identity:
      y.update(from: x, count: count)
      return
    case .swiglu:
      for i in 0..<count {
        let gate = min(alternates ? x[2 * i] : x[i], limit)
        let other = max(-limit, min(alternates ? x[2 * i + 1] : x[count + i], limit))
        y[i] = gate / (1 + exp(-alpha * gate)) * (other + beta)
      }
      return
    case .relu: op = zoo_unary_relu
    case .gelu: op = zoo_unary_gelu_tanh
    case .silu: op = zoo_unary_swish
    }
    zoo_unary_f32_kernel(zoo_cpu_isa(), op)(x, y, count, 1, 0)
  }
}
