"""Leave out of the reference what torch and scikit-learn say of their own classes."""

KEPT = {"get_params", "set_params"}


def is_foreign(what, name, member):
    """Whether a member of a class was written elsewhere."""
    if what != "class" or name in KEPT:
        return False
    if type(member).__name__ == "_tuplegetter":  # a field, told among the parameters
        return True
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    module = getattr(function, "__module__", None)
    return module is not None and not module.startswith("skdvn")


def skip_foreign(app, what, name, member, skip, options):
    return True if is_foreign(what, name, member) else None


def setup(app):
    app.connect("autodoc-skip-member", skip_foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
