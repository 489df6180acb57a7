import LibC
import ModelFormat

/// Plugins in shared libraries.
///
/// A library exports one C function,
///
///     int32_t zoo_plugin_register(int32_t version, void *registrar);
///
/// which adds its plugins to the ``PluginRegistrar`` that `registrar` points to and returns 0, or, if it was built for
/// another ``version``, returns that version and does nothing else. In Swift:
///
///     @_cdecl("zoo_plugin_register")
///     public func register(version: Int32, registrar: UnsafeMutableRawPointer) -> Int32 {
///       guard version == PluginLibrary.version else { return PluginLibrary.version }
///       PluginRegistrar.at(registrar).add(Birds())
///       return 0
///     }
///
/// Such a library is code that runs with all rights of the program: load only what you trust. It must be built
/// with the same compiler against the same version of this package. It holds a copy of the package of its own: a cast
/// from a protocol's existential to a type or another protocol of the package sees only the types of its own copy.
public enum PluginLibrary {
  /// The version of the entry point and of the types behind it.
  public static let version: Int32 = 1
  static let entryPoint = "zoo_plugin_register"

  /// Loads the shared library at `path` and adds its plugins. The library stays loaded.
  ///
  /// - Throws: `.fileAccess` if it cannot be loaded, `.malformed` if it has no entry point, `.unsupportedVersion` if it
  ///   was built for another version, or what its plugins throw.
  public static func load(_ path: String, into registry: inout PluginRegistry) throws(ModelError) {
    let site = ModelError.Site(file: path)
    // A bare name would be searched for in the system's folders.
    guard let handle = dlopen(path.contains("/") ? path : "./\(path)", RTLD_NOW | RTLD_LOCAL) else {
      throw ModelError(
        .fileAccess, "cannot be loaded: \(dlerror().map { String(cString: $0) } ?? "unknown")",
        expected: "a shared library", at: site)
    }
    guard let symbol = dlsym(handle, entryPoint) else {
      dlclose(handle)
      throw ModelError(
        .malformed, "a library without the function '\(entryPoint)'",
        expected: "a plugin for this program", at: site)
    }
    typealias Entry = @convention(c) (Int32, UnsafeMutableRawPointer) -> Int32
    let entry = unsafeBitCast(symbol, to: Entry.self)
    let registrar = PluginRegistrar(registry)
    let answer = entry(version, Unmanaged.passUnretained(registrar).toOpaque())
    guard answer == 0 else {
      throw ModelError(
        .unsupportedVersion, "a plugin for version \(answer)", expected: "version \(version)",
        remedy: "build the plugin against this version of the package", at: site)
    }
    if let error = registrar.error { throw error.at(file: path) }
    registry = registrar.registry
  }
}

/// What the entry point of a shared library adds its plugins to.
public final class PluginRegistrar {
  fileprivate var registry: PluginRegistry
  fileprivate var error: ModelError?

  init(_ registry: PluginRegistry) { self.registry = registry }

  /// The registrar that an entry point was given.
  public static func at(_ pointer: UnsafeMutableRawPointer) -> PluginRegistrar {
    Unmanaged<PluginRegistrar>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Adds a plugin. What it throws is reported to whoever loads the library.
  public func add(_ plugin: some Plugin) {
    guard error == nil else { return }
    do throws(ModelError) { try registry.add(plugin) } catch { self.error = error }
  }
}
