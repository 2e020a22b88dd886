"""
==============================
Grid search on a Dask cluster
==============================

`GridSearchCV` and `cross_val_score` hand their fits to joblib, and joblib can hand them
to a `Dask <https://docs.dask.org>`_ cluster: one line around the call. Here the cluster
is two processes on this machine; for one of many machines, give its address to
``Client``. Needs ``pip install skdvn[dask,plot]``.
"""

import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, SubprocessCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_scorer

X, Y = load_digit_attributes(noise=6, return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)

# The network of the paper, one per fit, so that the fits of the search are what runs in
# parallel.
clf = DVNMultiLabelClassifier(
    network="linear",
    hidden_layer_sizes=(100,),
    learning_rate_init=0.3,
    refit=True,
    max_iter=16,
    random_state=0,
)

# %%
# A search over `tau` and `step_size`
# -----------------------------------
# Every fit of the search is a task of the cluster.

cluster = SubprocessCluster(n_workers=2, threads_per_worker=1)
client = Client(cluster)
client.wait_for_workers(2)
grid = {"tau": [0.0, 0.05, 0.2], "step_size": [0.25, 0.5, 1.0]}
search = GridSearchCV(clf, grid, scoring=relaxed_f1_scorer, cv=3)
with parallel_config(backend="dask"):
    search.fit(X_train, Y_train)
print("best:", search.best_params_, f"with F1 {search.best_score_:.3f} held out")
print(f"F1 on test rows {search.score(X_test, Y_test):.3f}")

# %%

scores = search.cv_results_["mean_test_score"].reshape(3, 3)  # step_size by tau
figure, ax = plt.subplots(figsize=(5, 3.8), layout="constrained")
image = ax.imshow(scores, cmap="viridis")
for (row, column), score in np.ndenumerate(scores):
    dark = score < scores.mean()
    ax.text(
        column, row, f"{score:.3f}", ha="center", color="white" if dark else "black"
    )
ax.set(
    xticks=range(3),
    xticklabels=grid["tau"],
    xlabel="tau",
    yticks=range(3),
    yticklabels=grid["step_size"],
    ylabel="step_size",
)
figure.colorbar(image, label="mean F1 of held-out rows")
plt.show()

# %%
# Cross-validation
# ----------------

with parallel_config(backend="dask"):
    scores = cross_val_score(clf, X_train, Y_train, scoring=relaxed_f1_scorer, cv=3)
print(f"F1 {scores.mean():.3f}, from {scores.min():.3f} to {scores.max():.3f}")

# %%
# The networks of one fit
# -----------------------
# A single `fit` of such a network trains several too, those of the validation folds or
# of ``n_networks``. With ``n_jobs`` they are trained at the same time, by joblib's
# default backend or here by the cluster.

ensemble = DVNMultiLabelClassifier(
    network="linear",
    hidden_layer_sizes=(100,),
    learning_rate_init=0.3,
    max_iter=16,
    n_networks=4,
    random_state=0,
)
with parallel_config(backend="dask", n_jobs=2):
    ensemble.fit(X_train, Y_train)
print(f"four networks, jointly: F1 {ensemble.score(X_test, Y_test):.3f}")

client.close()
cluster.close()
