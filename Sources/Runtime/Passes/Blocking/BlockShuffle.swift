import ModelFormat

// Channels in another order: what moves are lanes.
extension BlockRewriter {
  /// `Reshape`, `Transpose`, `Reshape` that deal the channels of all groups out in turn.
  mutating func blockShuffle(_ node: Node, _ index: Int) {
    let graph = GraphMatcher(context)
    guard let x = node.inputs[0], let middle = graph.next(index, "Transpose"),
      let last = graph.next(middle, "Reshape"), let output = graph.output(last),
      let before = context.type(x)?.shape, let after = context.type(output)?.shape,
      let apart = context.type(graph.output(index))?.shape, before.rank == rank(x),
      areCertainly(before.dimensions, after.dimensions),
      apart.rank >= 4, let groups = apart[1].value, let each = apart[2].value,
      groups * each == channels(x), hasPixels(of: before, apart),
      case .ints(let order)? = context.editor.nodes[middle]?.attribute("perm"),
      order == [0, 2, 1] + (3..<apart.rank).map(Int64.init)
    else { return }
    let sources = (0..<groups * each).map { $0 % groups * each + $0 / groups }
    let name = context.editor.nodes[middle]?.name ?? ""
    context.editor.remove(index)
    context.editor.remove(middle)
    replace(
      last, output, channels: groups * each, rank: rank(x), with: selection(sources, of: x, name))
  }

  /// The node that takes these channels of an image that has a twin.
  func selection(_ sources: [Int], of x: ValueID, _ name: String) -> Node {
    Node(
      "BlockedSelect", domain: "zoo", name: name, inputs: [twins[x]], outputs: [],
      attributes: [
        Attribute("channels", .ints(sources.map(Int64.init))),
        Attribute("input_channels", .int(Int64(channels(x)))),
      ])
  }

  private func areCertainly(_ a: [Dimension], _ b: [Dimension]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.isCertainly($1) }
  }

  /// Whether `apart`, `[batch, groups, channels of each, …]`, ends with the spatial axes of `image` or all of them in one.
  private func hasPixels(of image: Shape, _ apart: Shape) -> Bool {
    let pixels = Array(image.dimensions.dropFirst(2))
    guard apart[0].isCertainly(image[0]) else { return false }
    let ends = Array(apart.dimensions.dropFirst(3))
    return areCertainly(ends, pixels) || areCertainly(ends, [pixels.reduce(.fixed(1), *)])
  }
}
