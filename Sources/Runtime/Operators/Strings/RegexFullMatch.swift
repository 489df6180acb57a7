/// `RegexFullMatch`: whether whole strings match a regular expression.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any   | `string` |
/// | output | `Y`  | of `X` | `bool` |
/// | attr   | `pattern` | | a regular expression of RE2 |
///
/// Takes time linear in the strings' lengths. `\C`, one byte, is refused: strings are characters here. Source: ONNX
/// `RegexFullMatch`, opset 20.
struct RegexFullMatch: ValueOperator {
  private let program: RegexProgram

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    program = try RegexProgram(node.string("pattern"))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(.bool, try inputs.tensor(0, of: [.string]).shape)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let matches = (x.strings ?? []).map { program.matches($0) }
    return [.tensor(try Tensor(matches, shape: x.shape))]
  }
}
