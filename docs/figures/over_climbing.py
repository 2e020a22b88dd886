"""Predicted value and true F1 along a long ascent."""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import relaxed_f1_score

X, Y = load_digit_attributes(noise=6, return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, random_state=0)
clf = DVNMultiLabelClassifier(max_iter=40, refit=True, random_state=0)
clf.fit(X_train, Y_train)
chosen = clf.n_steps_

clf.set_params(n_steps=60)  # acts at the next prediction
values = [clf.predict_value(X_test, y).mean() for y in clf.staged_predict_proba(X_test)]
f1 = [relaxed_f1_score(Y_test, y) for y in clf.staged_predict(X_test)]

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
steps = range(1, 61)
ax.plot(steps, values, label="predicted value", linewidth=2)
ax.plot(steps, f1, label="true F1 of the rounded labels", linewidth=2)
ax.axvline(chosen, color="0.5", linestyle="--", label=f"chosen in fit: {chosen} steps")
ax.set(xlabel="step of the ascent", ylabel="mean over test rows", ylim=(0, 1))
ax.legend(loc="lower right")
plt.show()
