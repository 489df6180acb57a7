"""What makes operands and attributes of each operator that fit together, by family."""

import importlib

REGISTRY = {}
FAMILIES = ["classical", "contributed", "control", "convolution", "elementwise", "image", "indexing", "matrix",
            "movement", "normalization", "pooling", "quantized", "recurrent", "reduction", "sequence", "signal", "text", "training"]  # fmt: skip


def case(*names, domain=""):
    """Registers a generator for these operators."""

    def register(function):
        for name in names:
            REGISTRY[domain, name] = function
        return function

    return register


def load():
    for family in FAMILIES:
        importlib.import_module(f"differ.generators.{family}")
    return REGISTRY
