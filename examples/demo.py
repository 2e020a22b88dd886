"""
==============================================
A Deep Value Network beside what one would use
==============================================

Fits a Deep Value Network with its defaults, compares it with logistic regression under
three decision rules, and draws how a prediction climbs.

The data are attributes of handwritten digits with noise, ten labels for each of 1797
pictures that scikit-learn ships. Where the environment variable ``SKDVN_DATA`` names a
data folder they are Bibtex instead: 7395 texts with 159 tags.
"""

import os
from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import (
    FeedForwardClassifier,
    PlugInClassifier,
    ThresholdClassifier,
)
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.inspection import AscentPathDisplay, NStepsDisplay
from skdvn.metrics import relaxed_f1_score, value_pairs

folder = os.environ.get("SKDVN_DATA")
if folder:
    train, test = (load_bibtex(folder, subset=part) for part in ("train", "test"))
    X_train, X_test, Y_train, Y_test = train.data, test.data, train.target, test.target
    label_names = [name.removeprefix("TAG_") for name in train.target_names]
    scaler = TfidfTransformer()
else:
    digits = load_digit_attributes(noise=6)
    X_train, X_test, Y_train, Y_test = train_test_split(
        digits.data, digits.target, test_size=0.3, random_state=0
    )
    label_names = [name.replace("_", " ") for name in digits.target_names]
    scaler = StandardScaler()
print(
    f"{len(Y_train)} training rows, {len(Y_test)} test rows, "
    f"{X_train.shape[1]} features, {len(label_names)} labels"
)

# %%
# The models
# ----------
# The default needs no scaler and no threshold: it asks logistic regression, trees,
# neighbours and kernel ridge regression, and weights what they say. Logistic
# regression, one per label, needs both: at 0.5, at the threshold that is best in
# cross-validation, or by the rule of the greatest expected F1. The same rule goes with
# a feed-forward network that is trained label by label.

one_vs_rest = OneVsRestClassifier(LogisticRegression(C=3, max_iter=1000))
logistic = make_pipeline(scaler, one_vs_rest)
dvn = DVNMultiLabelClassifier(random_state=0)
models = {
    "Deep Value Network": dvn,
    "LR, threshold 0.5": ThresholdClassifier(logistic, threshold=0.5),
    "LR, tuned threshold": ThresholdClassifier(logistic, cv=3),
    "LR, expected-F1 rule": PlugInClassifier(logistic),
    "Feed-forward, the rule": PlugInClassifier(FeedForwardClassifier(random_state=0)),
}

print(f"{'':22}{'test F1':>8}{'fit, s':>8}{'predict, s':>12}")
for name, model in models.items():
    began = process_time()
    model.fit(X_train, Y_train)
    fitted = process_time()
    f1 = relaxed_f1_score(Y_test, model.predict(X_test))
    done = process_time()
    print(f"{name:22}{f1:8.3f}{fitted - began:8.1f}{done - fitted:12.2f}", flush=True)

# %%
# F1 is that of each row, averaged; seconds are those of one processor. The expected-F1
# rule is the one to beat: with a feed-forward network it is level on the digits.
# :doc:`/benchmarks` has more data sets.
#
# What to expect
# --------------
# ``predict_value`` estimates the F1 of each prediction without knowing the truth. The
# values are right on average, and tell good predictions from bad ones to some degree;
# :ref:`sphx_glr_auto_examples_selective_prediction.py` makes use of that.

true, predicted = value_pairs(dvn, X_test, Y_test)
print(f"value {predicted.mean():.3f}, F1 {true.mean():.3f} on average")
print(f"correlation {np.corrcoef(true, predicted)[0, 1]:.2f}")

# %%
# How many steps
# --------------
# The ascent starts at the guess. Its steps fall to 0, however many there are, and after
# a few the predictions hardly change.

NStepsDisplay.from_estimator(dvn, X_test, Y_test, name="test rows")
plt.show()

# %%
# How a prediction climbs
# -----------------------
# Two test rows, from nothing, which ``init`` can ask for after ``fit``: their value at
# each step, and their relaxed labels, the true ones in bold.

dvn.set_params(init="zeros")
paths = AscentPathDisplay.from_estimator(
    dvn,
    X_test[:2],
    Y_test[:2],
    n_steps=2 * dvn.n_steps_,
    label_names=label_names,
    names=["first test row", "second test row"],
)
paths.figure_.savefig("demo_ascent.png", dpi=150)
plt.show()

# sphinx_gallery_thumbnail_number = 2
