"""Which layers of an IR work in INT8, and what lies behind a kind of operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from appliance import runtime  # noqa: F401  isort: skip (oneDAL before OpenVINO)
import openvino as ov

WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")
_BETWEEN = ("Convert", "Multiply", "Subtract", "Reshape", "FakeQuantize")
_NAMED = 12


def weighted(model: ov.Model) -> list[ov.Node]:
    """Convolutions and matrix products, in order."""
    return [node for node in model.get_ordered_ops() if node.get_type_name() in WEIGHTED]


def source(node: ov.Node, port: int) -> ov.Node:
    """The operation that feeds an input."""
    return node.input_value(port).get_node()


def _stored_in_8_bits(node: ov.Node) -> bool:
    """Whether the weights of a layer end in a constant of eight bits."""
    found = source(node, 1)
    while found.get_type_name() in _BETWEEN:
        found = source(found, 0)
    return found.get_type_name() == "Constant" and found.get_element_type() in (
        ov.Type.i8,
        ov.Type.u8,
    )


def _fed_quantised(node: ov.Node) -> bool:
    found = source(node, 0)
    while found.get_type_name() in ("Reshape", "Transpose"):
        found = source(found, 0)
    return found.get_type_name() == "FakeQuantize"


def in_int8(model: ov.Model) -> dict[str, Any]:
    """How many layers with weights compute in INT8, and which do not.

    Returns
    -------
    dict
        ``all``, ``int8`` (weights and what they are applied to), ``weights_only``, ``others``
        (names of the first few that stay above INT8).
    """
    found = weighted(model)
    stored = [node for node in found if _stored_in_8_bits(node)]
    names = {node.get_friendly_name() for node in stored if _fed_quantised(node)}
    others = [n.get_friendly_name() for n in found if n.get_friendly_name() not in names]
    return {
        "all": len(found),
        "int8": len(names),
        "weights_only": len(stored) - len(names),
        "others": others[:_NAMED],
    }


def smoothed(model: ov.Model) -> int:
    """How many products SmoothQuant put in."""
    return sum(
        node.get_type_name() == "Multiply" and "nncf_smooth_quant" in node.get_friendly_name()
        for node in model.get_ops()
    )


def consumers(node: ov.Node) -> list[ov.Node]:
    """The operations that take what a node gives."""
    return [port.get_node() for out in node.outputs() for port in out.get_target_inputs()]


def fed_by(model: ov.Model, kinds: Iterable[str]) -> set[str]:
    """Names of all operations of some kinds and of everything they feed, results left out."""
    wanted = set(kinds)
    waiting = [node for node in model.get_ops() if node.get_type_name() in wanted]
    return {node.get_friendly_name() for node in _downstream(waiting)}


def _downstream(waiting: list[ov.Node]) -> Iterator[ov.Node]:
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() not in seen and node.get_type_name() != "Result":
            seen.add(node.get_friendly_name())
            waiting += consumers(node)
            yield node
