import ModelFormat
import Testing

@Suite struct ErrorTextTests {
  @Test func whatSteersATerminalIsWrittenOut() {
    let error = ModelError(
      .malformed, "'a\u{1B}[2J\nb'", expected: "'\u{9B}\u{202E}'", at: .init(file: "f\r.onnx"))
    #expect(
      "\(error)" == #"f\u{d}.onnx: 'a\u{1b}[2J\nb'; expected '\u{9b}\u{202e}'"#)
  }

  @Test func whatPeopleWriteStaysAsItIs() {
    let text = "größer 模型 👩‍👩‍👧 ‘x’ – 1 ∕ 2"
    #expect("\(ModelError(.malformed, text))" == text)
  }
}
