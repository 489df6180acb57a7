import CKernels

extension KernelContext {
  /// Calls `body` with ranges that together make `0..<count`, on as many threads as the run may use.
  ///
  /// - Parameters:
  ///   - count: The number of elements.
  ///   - grain: The least number of elements that is worth a thread.
  ///   - body: May run on several threads at once, so it must write nothing that another range reads or writes.
  ///     A result must not depend on how the ranges are cut.
  public func parallel(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    if threads == 1 || count <= grain {
      if count > 0 { body(0..<count) }
      return
    }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { pointer in
        zoo_parallel_for(
          Int64(count), Int64(grain), Int32(threads),
          { context, begin, end in
            guard let context else { return }
            let body = context.assumingMemoryBound(to: ((Range<Int>) -> Void).self)
            body.pointee(Int(begin)..<Int(end))
          }, UnsafeMutableRawPointer(mutating: pointer))
      }
    }
  }
}
