"""Predicted value and true F1 along a long ascent."""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.inspection import NStepsDisplay

X, Y = load_digit_attributes(noise=6, return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, random_state=0)
clf = DVNMultiLabelClassifier(network="linear", max_iter=40, refit=True, random_state=0)
clf.fit(X_train, Y_train)

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
NStepsDisplay.from_estimator(clf, X_test, Y_test, n_steps=60, name="F1", ax=ax)
ax.set(ylim=(0, 1), ylabel="mean over test rows")
plt.show()
