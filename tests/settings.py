"""Settings that tests of several files share."""

# Nothing is left to choose, so that a fit costs a fraction of a second.
QUICK_LABELS = {
    "network": "linear",
    "hidden_layer_sizes": (16,),
    "step_size": 0.5,
    "n_steps": 20,
    "learning_rate_init": 0.3,
    "alpha": 5e-3,
    "max_iter": 10,
    "refit": True,
    "random_state": 0,
}
