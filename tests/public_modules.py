"""The public modules, of which tests of several files make sure."""

# What users of the estimators call.
PUBLIC = [
    "skdvn",
    "skdvn.baselines",
    "skdvn.datasets",
    "skdvn.inspection",
    "skdvn.metrics",
    "skdvn.oracles",
    "skdvn.persistence",
]
# Parts of one's own networks, tuples and ascents. Their methods and functions follow a
# protocol that the docstring of the module or class describes once.
PROTOCOLS = ["skdvn.inference", "skdvn.networks", "skdvn.training"]
