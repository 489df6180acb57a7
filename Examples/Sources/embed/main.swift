// The sentiment of each argument: swift run embed "What a film!" "A waste of time."
import Zoo

do {
  let sentiment = try ZooModel("sentiment")
  let texts = CommandLine.arguments.dropFirst().map(RawInput.text)
  for answer in try sentiment.run(texts) { print(answer) }
} catch {
  fatalError("\(error)")
}
