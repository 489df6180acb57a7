// Whoever uses the zoo needs the runtime and the quantizer as well.
@_exported public import Quantize
@_exported public import ZooRuntime
