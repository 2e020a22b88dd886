"""Formulas as MathML, which browsers draw without a script from the network."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def visit_math(writer, node):
    """Formulas within a line."""
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(writer, node):
    """Formulas with lines of their own."""
    attributes = {"class": "math-block", "ids": node["ids"]}
    writer.body.append(writer.starttag(node, "div", **attributes))
    writer.body.append(tex2mathml(node.astext(), as_block=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
