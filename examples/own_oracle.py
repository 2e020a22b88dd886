"""
=============================
Train for a score of your own
=============================

The labels of a digit are only useful if all of them are right, so what counts here is
the exact match. A value network can be trained for it, if it is made smooth.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_score

X, Y = load_digit_attributes(noise=4, return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)

# %%
# An oracle is a function of two tensors, a relaxed output and the truth, both with
# entries in [0, 1]. It returns one value in [0, 1] per row. The exact match says
# nothing about near misses, so the network learns a smoothed version of it, which
# halves with every wrong label. The ascent follows its gradient in ``y``, so it must
# not round.


def smoothed_exact_match(y, y_true):
    """One value per row: 1, a half for one wrong label, a quarter for two, ..."""
    return 0.5 ** (y - y_true).abs().sum(1)


# %%
# Beside it stands the default, which is trained for F1.

n_wrong = {}
for name, oracle in (("F1", "f1"), ("exact match", smoothed_exact_match)):
    clf = DVNMultiLabelClassifier(oracle=oracle, random_state=0)
    clf.fit(X_train, Y_train)
    Y_pred = clf.predict(X_test)
    n_wrong[name] = (Y_pred != Y_test).sum(axis=1)
    print(
        f"trained for {name:12} exact match {np.mean(n_wrong[name] == 0):.3f}, "
        f"F1 {relaxed_f1_score(Y_test, Y_pred):.3f}, "
        f"value expected {clf.predict_value(X_test).mean():.3f}, "
        f"true {clf.score(X_test, Y_test):.3f}"
    )

# %%
# ``score`` and ``predict_value`` speak of the oracle that was trained for. On these
# digits the two are nearly level in both scores: labels that are probably all right are
# also those of a high F1. Drawn is how many labels of a row are wrong.

most = max(wrong.max() for wrong in n_wrong.values())
places = np.arange(most + 1)
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for shift, (name, wrong) in zip((-0.2, 0.2), n_wrong.items(), strict=True):
    share = np.bincount(wrong, minlength=most + 1) / len(wrong)
    ax.bar(places + shift, share, width=0.4, label=f"trained for {name}")
ax.set(xlabel="wrong labels in a row", ylabel="share of the test rows")
ax.set_xticks(places)
ax.legend()
plt.show()
