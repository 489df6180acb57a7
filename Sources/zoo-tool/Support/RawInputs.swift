import LibC
import Zoo

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Texts, pictures and rows from arguments, files and standard input.
struct RawInputs {
  private enum Source {
    case text(String)
    case image(String)
    case row([String: String])
  }

  private var sources: [Source] = []

  init(
    texts: [String], images: [String], tables: [String], for model: ZooModel
  ) throws(ModelError) {
    sources = texts.map(Source.text) + images.map(Source.image)
    for path in tables { try append(table: path, model) }
    guard texts.isEmpty, images.isEmpty, tables.isEmpty else { return }
    if model.inputKind == .row {
      try append(table: "-", model)
      return
    }
    do throws(ModelError) {
      for line in try RawInput.lines(Self.standardInput()) {
        if model.inputKind == .text {
          sources.append(.text(line))
        } else if !line.isEmpty {
          sources.append(.image(line))
        }
      }
    } catch { throw error.at(file: "standard input") }
  }

  /// - Parameter path: A CSV file, `-` for standard input.
  private mutating func append(table path: String, _ model: ZooModel) throws(ModelError) {
    let name = path == "-" ? "standard input" : path
    do throws(ModelError) {
      var table = try CSVTable(path == "-" ? Self.standardInput() : Self.read(path))
      Self.warn(of: table, name, model)
      while let row = try table.next() { sources.append(.row(row)) }
    } catch { throw error.at(file: name) }
  }

  /// Says which of the model's columns a table lacks: a misspelt one would otherwise count as unknown in silence.
  private static func warn(of table: CSVTable, _ name: String, _ model: ZooModel) {
    let present = Set(table.columns)
    let absent = model.columnNames.filter { !present.contains($0) }
    // A table without any is refused with its first row.
    guard !absent.isEmpty, absent.count < model.columnNames.count else { return }
    let shown = absent.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
    let more = absent.count > 4 ? " and \(absent.count - 4) more" : ""
    Console.error(
      "warning: \(name): no column \(shown)\(more) of the model's \(model.columnNames.count); "
        + "taken as if their cells were empty")
  }

  private static func read(_ path: String) throws(ModelError) -> [UInt8] {
    let file = try MappedFile(path: path, pipeLimit: 1 << 32)
    return withExtendedLifetime(file) { Array(file.bytes) }
  }

  private static func standardInput() throws(ModelError) -> [UInt8] {
    if isatty(0) == 1 { Console.error("Reading standard input; Ctrl-D ends it.") }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = readBytes(&chunk)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw ModelError(.fileAccess, "standard input cannot be read")
      }
      bytes += chunk[..<count]
    }
  }

  /// Assets given as NAME=FILE.
  static func assets(_ arguments: [NamedArgument]) throws(ModelError) -> [Asset] {
    var assets: [Asset] = []
    for argument in arguments {
      let bytes = try read(argument.value)
      assets.append(Asset(name: argument.name, mediaType: "", bytes: bytes))
    }
    return assets
  }

  /// Answers to all inputs, some hundred at a time, with a bar on standard error if that is a terminal.
  func ask(_ model: ZooModel) throws(ModelError) -> [Answer] {
    let bar = ProgressBar(total: sources.count)
    var answers: [Answer] = []
    answers.reserveCapacity(sources.count)
    for start in stride(from: 0, to: sources.count, by: 256) {
      var inputs: [RawInput] = []
      for source in sources[start..<min(start + 256, sources.count)] {
        switch source {
        case .text(let text): inputs.append(.text(text))
        case .row(let row): inputs.append(.row(row))
        case .image(let path):
          inputs.append(.image(try Image(contentsOf: path, limits: .ofArguments)))
        }
      }
      answers += try model.run(inputs) { done in bar.show(start + done) }
    }
    bar.clear()
    return answers
  }
}

/// `[██████░░░░] 60 %`, drawn over itself.
struct ProgressBar {
  private let total: Int
  private let isShown: Bool

  init(total: Int) {
    self.total = total
    isShown = total > 1 && isatty(2) == 1
  }

  func show(_ done: Int) {
    guard isShown else { return }
    let filled = done * 30 / max(total, 1)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
    write("\r[\(bar)] \(done * 100 / max(total, 1)) % (\(done) of \(total))")
  }

  func clear() { if isShown { write("\r\u{1B}[K") } }

  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { writeBytes($0) }
  }
}

// The names of the C library, which methods of the types above hide.
private func readBytes(_ chunk: inout [UInt8]) -> Int { read(0, &chunk, chunk.count) }

private func writeBytes(_ bytes: UnsafeRawBufferPointer) -> Int {
  write(2, bytes.baseAddress, bytes.count)
}
