/// Makes weights of the values that `Constant` nodes write into the graph, so that they are packed and shared like
/// all others. Runs always, optimising or not.
enum ConstantLifting {
  static func lift(_ model: Model) throws(ModelError) -> Model {
    var model = model
    for index in model.graphs.indices {
      var kept: [Node] = []
      for (place, node) in model.graphs[index].nodes.enumerated() {
        guard node.opType == "Constant", Model.canonical(node.domain).isEmpty,
          node.outputs.count == 1, let output = node.outputs[0], node.inputs.isEmpty
        else {
          kept.append(node)
          continue
        }
        do throws(ModelError) {
          model.graphs[index].weights[output] = try weight(of: node)
        } catch {
          // A function's constant may refer to an attribute of its caller; it is known once it is inlined.
          if node.hasReference { kept.append(node) } else { throw error.at(node: node.site(place)) }
        }
      }
      model.graphs[index].nodes = kept
    }
    return model
  }

  private static func weight(of node: Node) throws(ModelError) -> Weight {
    if node.attributes.count == 1, case .tensor(let weight) = node.attributes[0].value {
      return weight
    }
    return Weight(try Constant.tensor(of: node))
  }
}

extension Node {
  /// Whether an attribute is one of the caller of the function that the node is in.
  var hasReference: Bool {
    attributes.contains { if case .reference = $0.value { true } else { false } }
  }
}
