import Zoo

/// What MODEL stands for on the command line.
enum ModelSource {
  static func open(_ name: String) throws(ModelError) -> Model {
    try ModelStore().open(name).model
  }
}
