"""Settings by name: of others, and quick ones to try things out.

Each recipe is a dictionary of parameters, for
``DVNMultiLabelClassifier(**RELEASED_BIBTEX)``.
"""

from collections.abc import Mapping

from sklearn.base import clone

from .components import Ascent, Crops, Loss, Mixture
from .solvers import SGD, AdamW


class Recipe(Mapping):
    """Parameters by name; the objects among them are copies, to do with as one likes.

    Parameters
    ----------
    params : dict
    """

    def __init__(self, params):
        self._params = params

    def __getitem__(self, name):
        return clone(self._params[name], safe=False)

    def __iter__(self):
        return iter(self._params)

    def __len__(self):
        return len(self._params)

    def __or__(self, others):
        return {**self, **others}

    def __repr__(self):
        return f"Recipe({self._params!r})"


#: To try things out: the network of the paper for labels, with nothing left to choose,
#: so that `fit` trains one network, in about a second where rows and labels are few.
#: Not the settings for the best scores.
QUICK = Recipe(
    {
        "network": "linear",
        "learning_rate_init": 0.3,
        "alpha": 5e-3,
        "step_size": 0.5,
        "n_steps": 20,
        "max_iter": 20,
        "random_state": 0,
    }
)

#: What the authors' released code does on Bibtex (their ``reproduce_results.py``): SGD
#: without momentum for 390 epochs of batches of 20, each of which gets either the last
#: iterate of 20 inference steps or one step from the truth or from zeros, at even odds.
#: Their inputs are standardised without clipping: put a ``StandardScaler`` before it.
#: https://github.com/gyglim/dvn
RELEASED_BIBTEX = Recipe(
    {
        "network": "linear",
        "hidden_layer_sizes": (150,),
        "standardize": False,
        "oracle": "f1",
        "loss": "cross_entropy",
        "tuples": Mixture(
            {"inference": 0.5, "one_step": 0.5}, mixing="one", n_iterates=1
        ),
        "init": "zeros",
        "step_size": 0.5,
        "n_steps": 20,
        "solver": SGD(0.0, schedule="step", max_grad_norm=float("inf")),
        "learning_rate_init": 0.1,
        "alpha": 1e-3,
        "batch_size": 20,
        "max_iter": 390,
    }
)

#: Structured prediction energy networks (Belanger & McCallum, 2016): the same network
#: and inference, trained by the structured hinge with loss-augmented inference. The
#: score then ranks the outputs of one input; its sigmoid estimates no oracle value.
SPEN = Recipe(
    {
        "network": "linear",
        "loss": "hinge",
        "tuples": {"loss_augmented": 1},
        "ascent": Ascent("logit"),
        "learning_rate_init": 0.1,
    }
)

#: The network of the paper for masks (its figure 2), trained as we found best on the
#: Weizmann horses: 24x24 crops, trajectories that go on from visit to visit, and the
#: gradient of the oracle matched; 36 crops climb jointly.
CONV_SEGMENTER = Recipe(
    {
        "network": "conv",
        "crops": Crops(n_crops=36, flip=False, per_image=5, visits=20),
        "tuples": Mixture({"chain": 0.6, "stratified": 0.4}, n_samples=1),
        "tau": 1.0,
        "loss": Loss(gradient="cross_entropy", gradient_weight=1.0),
        "step_size": 0.2,
        "n_steps": 20,
        "learning_rate_init": 3e-3,
        "alpha": 0.05,
        "solver": AdamW(max_grad_norm=1.0),
        "augmentation": 1.3,
        "batch_size": 64,
        "max_iter": 200,
    }
)
