"""
==============================================
Better labels from the classifiers you have
==============================================

Classifiers with probabilities are given to the Deep Value Network as to a
``StackingClassifier``. It weights what they say of rows that they have not seen, learns
how many labels rows have, and climbs to the labels with the highest expected F1. The
data are a frame of pandas. Needs ``pip install skdvn[plot]`` and pandas.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import CalibrationDisplay
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import PlugInClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_score, value_pairs

digits = load_digit_attributes(noise=6)
X = pd.DataFrame(digits.data, columns=[f"pixel {i}" for i in range(64)])
Y = pd.DataFrame(digits.target, columns=digits.target_names)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)

# %%
# A forest and a linear model
# ---------------------------
# Each is fitted to three folds and to all rows. The frame goes to them as it is.

forest = RandomForestClassifier(30, min_samples_leaf=2, random_state=0)
linear = OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=1000))
scaled = make_pipeline(StandardScaler(), linear)
clf = DVNMultiLabelClassifier(
    [("forest", forest), ("lr", scaled)], cv=3, random_state=0
)
clf.fit(X_train, Y_train)
print("weights of the logits:", clf.guess_.weights_.round(2))

# %%
# Beside it stands the plug-in rule for the expected F1 on each of the two alone, with
# probabilities as they come.

models = {
    "forest, the rule": PlugInClassifier(forest).fit(X_train, Y_train),
    "LR, the rule": PlugInClassifier(scaled).fit(X_train, Y_train),
    "Deep Value Network": clf,
}
for name, model in models.items():
    f1 = relaxed_f1_score(Y_test.to_numpy(), model.predict(X_test))
    print(f"{name:20} F1 {f1:.3f}")

# %%
# Probabilities and values
# ------------------------
# A forest that averages many trees is too cautious: where it says .6, the label is
# there far more often. The guess puts that right, since its weights are learned from
# rows that the forest has not seen. On the right, the F1 that each prediction is
# expected to have, and the one that it has, in ten groups of as many rows each.

fitted = models["forest, the rule"].estimator_
said = {
    "forest": np.stack([p[:, 1] for p in fitted.predict_proba(X_test)], axis=1),
    "Deep Value Network": clf.predict_proba(X_test),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
truth = Y_test.to_numpy().ravel()
for name, probabilities in said.items():
    CalibrationDisplay.from_predictions(
        truth, probabilities.ravel(), n_bins=10, name=name, ax=left
    )
left.set(xlabel="probability of a label", ylabel="share of labels that are there")

true, predicted = value_pairs(clf, X_test, Y_test.to_numpy())
print(f"expected F1 {predicted.mean():.3f}, true {true.mean():.3f}")
groups = np.array_split(np.argsort(predicted, kind="stable"), 10)
right.axline((0, 0), slope=1, color="0.6", lw=1)
right.plot(
    [predicted[group].mean() for group in groups],
    [true[group].mean() for group in groups],
    marker="o",
)
right.set(xlabel="expected F1", ylabel="true F1", xlim=(0.4, 1), ylim=(0.4, 1))
plt.show()
