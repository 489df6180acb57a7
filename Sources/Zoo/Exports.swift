// Whoever uses known models needs sessions, tensors and errors as well.
@_exported public import ZooRuntime
