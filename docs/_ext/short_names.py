"""Links from the bare names of public classes and functions: `DVNSegmenter`."""

from sphinx.util.nodes import make_refnode

KINDS = {"class", "data", "function"}


def resolve_short_name(app, env, node, contnode):
    """A link, where only one class or function has such a name."""
    if node.get("refdomain") != "py":
        return None
    ending = "." + node["reftarget"]
    found = [
        entry
        for name, entry in env.domains["py"].objects.items()
        if name.endswith(ending) and entry.objtype in KINDS and not entry.aliased
    ]
    if len(found) != 1:
        return None
    (entry,) = found
    start, title = node["refdoc"], node["reftarget"]
    return make_refnode(
        app.builder, start, entry.docname, entry.node_id, contnode, title
    )


def setup(app):
    app.connect("missing-reference", resolve_short_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
