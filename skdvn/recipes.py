"""Settings of others, by name.

Each recipe is a dictionary of parameters, for
``DVNMultiLabelClassifier(**RELEASED_BIBTEX)``.
"""

from types import MappingProxyType

#: What the authors' released code does on Bibtex (their ``reproduce_results.py``): SGD
#: without momentum for 390 epochs of batches of 20, each of which gets either the last
#: iterate of 20 inference steps or one step from the truth or from zeros, at even odds.
#: Their inputs are standardised without clipping: put a ``StandardScaler`` before it.
#: https://github.com/gyglim/dvn
RELEASED_BIBTEX = MappingProxyType(
    {
        "hidden_layer_sizes": (150,),
        "n_global_units": 16,
        "activation": "softplus",
        "standardize": False,
        "oracle": "f1",
        "loss": "cross_entropy",
        "tuples": {"inference": 0.5, "one_step": 0.5},
        "tuple_mixing": "one",
        "n_iterates": 1,
        "init": "zeros",
        "step_size": 0.5,
        "n_steps": 20,
        "step_rule": "value",
        "prior_weight": 0.0,
        "solver": "sgd",
        "learning_rate": "step",
        "learning_rate_init": 0.1,
        "alpha": 1e-3,
        "momentum": 0.0,
        "max_grad_norm": float("inf"),
        "batch_size": 20,
        "max_iter": 390,
    }
)
