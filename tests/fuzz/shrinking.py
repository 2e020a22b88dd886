"""Make a program smaller as long as the same is found in it."""

import ast
import copy
import time

from .judges import InvalidProgram
from .running import run

MAX_SECONDS = 15


def smallest(source, finding):
    """A small program in which `run` finds the same.

    Parameters
    ----------
    source : str
    finding : Finding
    """
    end = time.process_time() + MAX_SECONDS
    shrunk = None
    while shrunk != source:
        shrunk, position = source, 0
        while time.process_time() < end:
            smaller = _smaller(source)
            if position == len(smaller):
                break
            if _finds(smaller[position], finding):
                source = smaller[position]
            else:
                position += 1
    return source


def _finds(source, finding):
    try:
        return finding.is_like(run(source))
    except (InvalidProgram, SyntaxError):
        return False


def _smaller(source):
    """Programs with something less, or something simpler."""
    tree, programs = ast.parse(source), []
    for position, node in enumerate(ast.walk(tree)):
        for edit in _edits(node):
            changed = copy.deepcopy(tree)
            edit(list(ast.walk(changed))[position])
            programs.append(ast.unparse(changed))
    return programs


def _edits(node):
    """Functions that change a node in place: leave a part out, or simplify one."""
    edits = []
    for name, value in ast.iter_fields(node):
        parts = range(len(value)) if isinstance(value, list) else []
        if name in ("body", "keywords", "elts"):
            edits += [_without(name, i) for i in reversed(parts)]
        edits += [_simplified(name, i) for i in parts if _inner(value[i])]
        if _inner(value):
            edits.append(_simplified(name))
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value > 1:
        edits += [_with_value(n) for n in {1, node.value // 2, node.value - 1}]
    return edits


def _without(name, i):
    return lambda node: getattr(node, name).pop(i)


def _with_value(value):
    return lambda node: setattr(node, "value", value)


def _simplified(name, i=None):
    """Put in place of an expression one that it is made of."""

    def edit(node):
        if i is None:
            setattr(node, name, _inner(getattr(node, name)))
        else:
            parts = getattr(node, name)
            parts[i] = _inner(parts[i])

    return edit


def _inner(node):
    """What an expression is made of; None if it is nothing else."""
    if isinstance(node, ast.Call):
        return node.args[-1] if node.args else None
    if isinstance(node, ast.BinOp):
        return node.left
    return node.value if isinstance(node, ast.Subscript) else None
