// Whoever embeds the runtime needs the model types as well.
@_exported public import ModelFormat
