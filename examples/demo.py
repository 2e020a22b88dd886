"""
==============================================
A Deep Value Network beside what one would use
==============================================

Trains a Deep Value Network with its defaults, compares it with logistic regression
under three decision rules, and draws how a prediction climbs.

The data are attributes of handwritten digits with noise, ten labels for each of 1797
pictures that scikit-learn ships. Where the environment variable ``SKDVN_DATA`` names a
data folder they are Bibtex instead: 7395 texts with 159 tags.
"""

import os
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import PlugInClassifier, ThresholdClassifier
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.metrics import oracle_values, relaxed_f1_score

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
# The network needs no scaler and no threshold. Logistic regression, one per label,
# needs both: at 0.5, at the threshold that is best in cross-validation, or by the rule
# of the greatest expected F1.

one_vs_rest = OneVsRestClassifier(LogisticRegression(C=3, max_iter=1000))
logistic = make_pipeline(scaler, one_vs_rest)
dvn = DVNMultiLabelClassifier(random_state=0)
models = {
    "Deep Value Network": dvn,
    "LR, threshold 0.5": ThresholdClassifier(logistic, threshold=0.5),
    "LR, tuned threshold": ThresholdClassifier(logistic, cv=3),
    "LR, expected-F1 rule": PlugInClassifier(logistic),
}

print(f"{'':22}{'test F1':>8}{'fit, s':>8}{'predict, s':>12}")
for name, model in models.items():
    began = perf_counter()
    model.fit(X_train, Y_train)
    fitted = perf_counter()
    f1 = relaxed_f1_score(Y_test, model.predict(X_test))
    done = perf_counter()
    print(f"{name:22}{f1:8.3f}{fitted - began:8.1f}{done - fitted:12.2f}", flush=True)

# %%
# F1 is that of each row, averaged. The expected-F1 rule is the one to beat: it takes
# seconds. :doc:`/benchmarks` has more data sets and seeds.
#
# What the network believes
# -------------------------
# ``predict_value`` estimates the F1 of each prediction without knowing the truth. The
# values are too high, but tell good predictions from bad ones to some degree;
# :ref:`sphx_glr_auto_examples_selective_prediction.py` makes use of that.

believed = dvn.predict_value(X_test)
true = oracle_values(dvn, Y_test, dvn.predict(X_test))
print(f"value {believed.mean():.3f}, F1 {true.mean():.3f} on average")
print(f"correlation {np.corrcoef(believed, true)[0, 1]:.2f}")

# %%
# How a prediction climbs
# -----------------------
# Inference parameters act at the next prediction, without a new fit: here the ascent
# takes twice as many steps as were chosen in ``fit``. The value goes on rising; the
# true F1 need not. On the right are the relaxed labels of one test row on the way, the
# true ones in bold.

chosen = dvn.n_steps_
dvn.set_params(n_steps=2 * chosen)
relaxed = np.stack(list(dvn.staged_predict_proba(X_test)))
values = [dvn.predict_value(X_test, Y).mean() for Y in relaxed]
f1 = [relaxed_f1_score(Y_test, Y) for Y in dvn.staged_predict(X_test)]
dvn.set_params(n_steps="auto")

truth, path = Y_test[0], relaxed[:, 0]
shown = np.lexsort((-path.max(axis=0), -truth))[:10]
steps = np.arange(1, len(path) + 1)

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.2), width_ratios=(1, 1.15), layout="constrained"
)
left.plot(steps, values, label="predicted value", lw=2)
left.plot(steps, f1, label="true F1", lw=2)
left.set(xlabel="step", ylabel="mean over the test rows", ylim=(0, 1))
left.legend(loc="lower right")
image = right.imshow(
    path[:, shown].T,
    cmap="Blues",
    vmin=0,
    vmax=1,
    aspect="auto",
    interpolation="nearest",
    extent=(0.5, len(path) + 0.5, len(shown) - 0.5, -0.5),
)
right.set_yticks(range(len(shown)), [label_names[i] for i in shown])
for tick, i in zip(right.get_yticklabels(), shown, strict=True):
    tick.set_fontweight("bold" if truth[i] else "normal")
right.set(xlabel="step", title="Relaxed labels of one test row")
figure.colorbar(image, ax=right, label="relaxed label", pad=0.02)
for ax in (left, right):
    ax.axvline(chosen, color="0.35", lw=1.2, ls="--")
left.set_title(f"The ascent (dashed: {chosen} steps, chosen in fit)")
figure.savefig("demo_ascent.png", dpi=150)
plt.show()
