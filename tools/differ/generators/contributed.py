"""Operators of com.microsoft, and early ones that ONNX Runtime still has: the makers of contributed_cases.py."""

import contributed_cases

from . import case


class ContributedSchema:
    """Stands in for a schema: the standard's registry has none of these operators."""

    since_version = 1
    min_output = 1
    deprecated = False

    def __init__(self, name, domain, maker):
        self.name, self.domain, self.maker = name, domain, maker
        self.attributes, self.inputs, self.outputs, self.type_constraints = {}, [], [], []
        self.min_input = 0


def fill(draw):
    made = draw.schema.maker(draw.numpy)
    for name, value in made.inputs:
        draw.add(value, name, constant=name in made.constants)
    draw.attributes.update(made.attributes)
    draw.outputs = [f"y{i}" if wanted else "" for i, wanted in enumerate(made.outputs)]
    draw.tolerance = made.tolerance
    draw.standard_opset = made.opset
    if made.domain == "":
        draw.opset = made.opset


EARLY = {"Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh"}
SCHEMAS = {}
for maker_name, function in contributed_cases.makers():
    place = "" if maker_name in EARLY else "com.microsoft"
    operator = maker_name.removesuffix("Ties")
    SCHEMAS.setdefault((place, maker_name), ContributedSchema(operator, place, function))
    case(maker_name, domain=place)(fill)
