import Foundation

#if FUZZING
  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
  ) -> Int32
#endif

nonisolated(unsafe) private var target: ([UInt8]) -> Void = { _ in }

/// Feeds `test` what libFuzzer makes up, or, in an ordinary build, the files named on the command line. A test fails
/// by crashing.
public func fuzz(_ test: @escaping ([UInt8]) -> Void) -> Never {
  target = test
  #if FUZZING
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    exit(
      runDriver(&count, &arguments) { bytes, count in
        target([UInt8](UnsafeBufferPointer(start: bytes, count: count)))
        return 0
      })
  #else
    for path in CommandLine.arguments.dropFirst() {
      guard let data = FileManager.default.contents(atPath: path) else { continue }
      target([UInt8](data))
    }
    exit(0)
  #endif
}
