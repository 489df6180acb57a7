import ModelFormat

/// Models whose files are part of the program.
enum EmbeddedModels {
  static let all: [KnownModel] = []
}
