"""What the label estimator's parameters mean: "auto" resolved, what to choose from."""

import math
from dataclasses import replace
from numbers import Integral

import torch
from sklearn.utils._param_validation import StrOptions

from ._parameters import A_FEW_ROWS, ParametersMixin, above, at_least
from .data import rows_at_once
from .inference import SCALED_RULES, Ascent
from .networks import members
from .oracles import check_oracle, reach
from .plans import Plan
from .training import Objective, Optimization
from .tuples import TupleSettings

DEFAULT_TUPLES = {"stratified": 0.5, "inference": 0.5}
TRAINING_ASCENT = Ascent()
# Twenty steps of size 0.5 are 10 in all, enough for rows of so many labels twice over.
# With more, all step sizes grow in proportion: the value has a gradient of about one
# over the number of labels, and an ascent that never comes near the truth leaves the
# network with nothing to learn, until it values all outputs alike.
COMFORTABLE_REACH = 5.0
# Rows that are enough to tell how many labels there are.
SOME_ROWS = 1000
# Up to so many rows training is cheap: more candidates, smaller batches, and the
# networks of all folds together instead of one trained anew.
FEW_ROWS = 2500
BATCH_SIZES = 64, 128
# What "auto" chooses from on held-out rows.
STEP_SIZES = (0.25, 0.5, 1.0)
MAX_N_STEPS = 40
PRIOR_WEIGHTS = (0.0, 0.1, 0.3, 1.0)
# Learning rates, weight decays times max(n_rows, 1000), and numbers of mini-batches to
# train for; the first is taken where nothing can be held out.
CANDIDATES = {
    "sgd": ((0.3, 5.0, 250), (0.6, 1.5, 750), (0.3, 15.0, 250)),
    "adam": ((1e-3, 0.1, 250), (1e-3, 0.1, 750)),
}
CANDIDATE_FOR_MANY_ROWS = {"sgd": ((0.6, 5.0, 0),), "adam": ((1e-3, 0.1, 0),)}
# But never for fewer epochs.
MIN_EPOCHS = 16
# A rate that does not fall, in terms of one that does: in `partial_fit` on Bibtex, 300
# units and six epochs in blocks of 780 rows, .40 on held-out rows instead of .29.
CONSTANT_RATE = 1 / 6


class LabelParametersMixin(ParametersMixin):
    """Turns parameters into objects of the torch rooms; what can be chosen."""

    default_tuples = DEFAULT_TUPLES
    _step_factor = 1.0

    _parameter_constraints = {
        **ParametersMixin._parameter_constraints,
        "step_size": [above(0), StrOptions({"auto"})],
        "n_steps": [at_least(1, Integral), StrOptions({"auto"})],
        "guess_loss_weight": [at_least(0), StrOptions({"auto"})],
        "prior_weight": [at_least(0), StrOptions({"auto"})],
        "solver": [StrOptions({"sgd", "adam"})],
        "learning_rate_init": [above(0), StrOptions({"auto"})],
        "alpha": [at_least(0), StrOptions({"auto"})],
        "batch_size": [at_least(1, Integral), StrOptions({"auto"})],
        "max_iter": [at_least(1, Integral), StrOptions({"auto"})],
        "refit": ["boolean", StrOptions({"auto"})],
    }

    def _ascent(self):
        """Inference as the parameters stand now; "auto" means as chosen in fit."""
        first = self._first_ascent()
        chosen = {
            name: self._chosen(name, getattr(first, name))
            for name in ("step_size", "n_steps", "prior_weight")
        }
        return Ascent(
            **chosen,
            step_rule=self.step_rule,
            momentum=self.inference_momentum,
            noise=self.inference_noise,
        )

    def _first_ascent(self):
        """Inference before anything is chosen."""
        size = TRAINING_ASCENT.step_size * self._step_factor
        return replace(TRAINING_ASCENT, step_size=size)

    def _settle_steps(self, examples):
        """By how much steps must be larger than where rows have few labels."""
        self._step_factor = 1.0
        if self.step_size == "auto" and self.step_rule in SCALED_RULES:
            n_rows = len(examples)
            n_taken = min(SOME_ROWS, rows_at_once(self._targets.n_labels_), n_rows)
            rows = torch.arange(n_taken) * n_rows // n_taken
            found = reach(self._checked_oracle(examples), examples.y.take(rows))
            self._step_factor = max(1.0, round(found / COMFORTABLE_REACH, 2))

    def _checked_oracle(self, examples):
        oracle = self._oracle()
        check_oracle(oracle, examples.y.take(slice(A_FEW_ROWS)))
        return oracle

    def _objective(self, examples):
        oracle = self._checked_oracle(examples)
        settings = TupleSettings(
            oracle, self._training_ascent(), n_iterates=self.n_iterates, tau=self.tau
        )
        return Objective(
            self._mixture(),
            settings,
            self.loss,
            self.replay_size,
            guess_weight=self._guess_weight(),
        )

    def _guess_weight(self):
        """Weight of the loss of the network's own guess."""
        if self.guess_loss_weight == "auto":
            return float(self.local_term == "oracle" and self.network is None)
        return self.guess_loss_weight

    def _training_ascent(self):
        """Inference as tuples are generated with it; "auto" is chosen afterwards."""
        first = self._first_ascent()
        auto = {
            name: getattr(first, name)
            for name in ("step_size", "n_steps")
            if getattr(self, name) == "auto"
        }
        return replace(self._ascent(), **auto, prior_weight=0.0)

    def _candidate_ascents(self, has_prior):
        ascent = self._training_ascent()
        if self.n_steps == "auto":
            ascent = replace(ascent, n_steps=MAX_N_STEPS)
        sizes = [size * self._step_factor for size in STEP_SIZES]
        if self.step_size != "auto":
            sizes = [self.step_size]
        # The network's coefficients fall with the labels per row, margins do not.
        weights = [weight / self._step_factor for weight in PRIOR_WEIGHTS]
        if self.prior_weight != "auto":
            weights = [self.prior_weight]
        return tuple(
            replace(ascent, step_size=size, prior_weight=weight)
            for weight in (weights if has_prior else [0.0])
            for size in sizes
        )

    def _optimizations(self, n_rows):
        """Candidates for the training, the one without a choice first."""
        table = CANDIDATES if n_rows <= FEW_ROWS else CANDIDATE_FOR_MANY_ROWS
        scale = 1 / max(n_rows, 1000)
        candidates = {
            (
                rate if self.learning_rate_init == "auto" else self.learning_rate_init,
                decay * scale if self.alpha == "auto" else self.alpha,
                self._n_epochs(n_rows, n_updates),
            ): None
            for rate, decay, n_updates in table[self.solver]
        }
        return tuple(
            Optimization(
                solver=self.solver,
                learning_rate_init=rate,
                schedule=self.learning_rate,
                momentum=self.momentum,
                alpha=alpha,
                n_epochs=n_epochs,
                batch_size=self._batch_size(n_rows),
                max_grad_norm=self.max_grad_norm,
                lag=self.inference_lag,
            )
            for rate, alpha, n_epochs in candidates
        )

    def _next_optimization(self, n_rows):
        """How to train on from where the last fit left."""
        first = self._optimizations(n_rows)[0]
        return replace(
            first,
            learning_rate_init=self._chosen(
                "learning_rate_init", first.learning_rate_init
            ),
            alpha=self._chosen("alpha", first.alpha),
        )

    def _at_constant_rate(self, optimization):
        """The same for training without end; rates that fall begin too high for it."""
        rate = optimization.learning_rate_init
        if self.learning_rate_init == "auto" and self.solver == "sgd":
            rate *= CONSTANT_RATE
        return replace(optimization, schedule="constant", learning_rate_init=rate)

    def _batch_size(self, n_rows):
        if self.batch_size == "auto":
            return BATCH_SIZES[n_rows > FEW_ROWS]
        return self.batch_size

    def _n_epochs(self, n_rows, n_updates):
        if self.max_iter != "auto":
            return self.max_iter
        n_batches = math.ceil(n_rows / self._batch_size(n_rows))
        return max(MIN_EPOCHS, math.ceil(n_updates / n_batches))

    def _refits(self, n_rows, splits=()):
        """Whether to train anew on all rows; not if a split was on all of them."""
        if any(len(split.rows) == n_rows for split in splits):
            return self.n_networks > 1
        if self.refit == "auto":
            return n_rows > FEW_ROWS or self.n_networks > 1
        return self.refit

    def _has_choice(self, n_rows):
        """Whether something is to be chosen on held-out rows."""
        ascent = self.step_size, self.n_steps, self.prior_weight
        automatic = "auto" in [value for value in ascent if isinstance(value, str)]
        automatic = automatic or len(self._optimizations(n_rows)) > 1
        return self.early_stopping or (automatic and not self._continues())

    def _plan(self, examples, splits):
        """What to learn; without splits nothing is chosen."""
        n_rows = len(examples)
        n_networks = self.n_networks
        if not self._continues():
            self._settle_steps(examples)
        if self._continues():
            n_networks = len(members(self.network_))
            optimizations = (self._next_optimization(n_rows),)
            ascents = (self._ascent(),)
        elif splits:
            optimizations = self._optimizations(n_rows)
            ascents = self._candidate_ascents(splits[0].margins is not None)
        else:
            optimizations = self._optimizations(n_rows)[:1]
            weight = 0.0 if self.prior_weight == "auto" else self.prior_weight
            ascents = (replace(self._training_ascent(), prior_weight=weight),)
        return Plan(
            build=self._builder(examples),
            objective=self._objective(examples),
            optimizations=optimizations,
            decide=self._round,
            ascents=ascents,
            choose_n_steps=self.n_steps == "auto" and not self._continues(),
            splits=splits,
            n_networks=n_networks,
            refit=self._refits(n_rows, splits) or self._continues(),
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
        )

    def _store_choice(self, optimization, ascent, score):
        self.validation_score_ = score
        self.step_size_ = ascent.step_size
        self.n_steps_ = ascent.n_steps
        self.prior_weight_ = ascent.prior_weight
        self.learning_rate_init_ = optimization.learning_rate_init
        self.alpha_ = optimization.alpha
