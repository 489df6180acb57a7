"""The differential tester's parts: `draw` and `generators` make cases, `oracles` answer them, `batch` runs both."""
