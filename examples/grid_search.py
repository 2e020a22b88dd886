"""
==========================================
Tune a Deep Value Network in a grid search
==========================================

It is an ordinary scikit-learn estimator: it goes into a ``Pipeline`` and a
``GridSearchCV``, and is scored by what it is trained for. Parameters can be searched by
their names, and those that sit in small objects by nested names such as
``ascent__noise``.
"""

import os
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline

from skdvn import Ascent, DVNMultiLabelClassifier, Mixture, recipes
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.inspection import TrainingHistoryDisplay
from skdvn.metrics import relaxed_f1_scorer

folder = os.environ.get("SKDVN_DATA")
if folder:
    X, Y = load_bibtex(folder, return_X_y=True)
else:
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
X, Y = X[:1200], Y[:1200]
print(f"{X.shape[0]} rows, {X.shape[1]} features, {Y.shape[1]} labels")

# %%
# The temperature and the size of the steps
# -----------------------------------------
# The network of the paper has the most to search for. ``recipes.QUICK`` gives it what
# the search does not vary, so that each fit trains one network. Two processes work side
# by side; each uses one thread if ``OMP_NUM_THREADS=1``.

quick = DVNMultiLabelClassifier(**recipes.QUICK)
pipeline = Pipeline([("constant", VarianceThreshold()), ("dvn", quick)])
grid = {"dvn__tau": [0.0, 0.02, 0.05], "dvn__step_size": [0.25, 0.5]}
search = GridSearchCV(pipeline, grid, scoring=relaxed_f1_scorer, cv=3, n_jobs=2)
began = perf_counter()
search.fit(X, Y)
print(f"{len(search.cv_results_['params'])} x 3 fits, {perf_counter() - began:.0f} s")
print(f"best: {search.best_params_}, F1 {search.best_score_:.3f}")

# %%
# Mean and standard deviation over the three folds:

figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
results = search.cv_results_
for step_size in grid["dvn__step_size"]:
    here = results["param_dvn__step_size"] == step_size
    ax.errorbar(
        results["param_dvn__tau"][here].astype(float),
        results["mean_test_score"][here],
        results["std_test_score"][here],
        marker="o",
        capsize=3,
        label=f"step_size={step_size}",
    )
ax.set(xlabel="tau", ylabel="F1 on held-out rows", xticks=grid["dvn__tau"])
ax.legend()
plt.show()

# %%
# What sits in small objects
# --------------------------
# How the ascent steps and how tuples are mixed is said by `Ascent` and `Mixture`. Where
# a parameter holds such an object, a search reaches into it: ``ascent__noise`` is the
# noise in each step, ``tuples__n_iterates`` the number of iterates of each ascent that
# are trained on.

pipeline.set_params(**search.best_params_)
pipeline.set_params(dvn__ascent=Ascent(), dvn__tuples=Mixture())
nested = {"dvn__ascent__noise": [0.0, 0.05], "dvn__tuples__n_iterates": [2, 4, 8]}
search = GridSearchCV(pipeline, nested, scoring=relaxed_f1_scorer, cv=3, n_jobs=2)
search.fit(X, Y)
results = search.cv_results_
rows = zip(
    results["params"],
    results["mean_test_score"],
    results["std_test_score"],
    strict=True,
)
for params, mean, deviation in rows:
    noise, n_iterates = params["dvn__ascent__noise"], params["dvn__tuples__n_iterates"]
    print(f"noise {noise:4}, {n_iterates} iterates: F1 {mean:.3f} +- {deviation:.3f}")

# %%
# On the digits noise costs a point or two, and the number of iterates matters little.
#
# Without a search
# ----------------
# What is not given the network of the paper chooses by itself, on held-out rows of its
# own: learning rate, weight decay, and size and number of the steps. The default stands
# on classifiers, and has nothing to choose.

began = perf_counter()
default = DVNMultiLabelClassifier(random_state=0)
scores = cross_val_score(default, X, Y, scoring=relaxed_f1_scorer, cv=3, n_jobs=2)
print(f"default: F1 {scores.mean():.3f}, 3 fits, {perf_counter() - began:.0f} s")

began = perf_counter()
by_itself = DVNMultiLabelClassifier(network="linear", random_state=0)
found = cross_validate(
    by_itself, X, Y, scoring=relaxed_f1_scorer, cv=3, n_jobs=2, return_estimator=True
)
print(f"network='linear': F1 {found['test_score'].mean():.3f}, ", end="")
print(f"3 fits, {perf_counter() - began:.0f} s")

# %%
# The first of these fits tried three settings of learning rate and weight decay on two
# splits of its rows. It trained the best one longer, on all five splits, whose networks
# predict jointly.

TrainingHistoryDisplay.from_estimator(found["estimator"][0])
plt.show()
