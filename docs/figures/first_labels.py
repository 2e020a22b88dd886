"""Test pictures with the labels found, and the F1 expected and true."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skdvn import DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.metrics import value_pairs

digits = load_digit_attributes(noise=6)
X_train, X_test, Y_train, Y_test, _, drawn = train_test_split(
    digits.data, digits.target, digits.digit, random_state=0
)
clf = DVNMultiLabelClassifier(random_state=0).fit(X_train, Y_train)
true, expected = value_pairs(clf, X_test, Y_test)
order = np.argsort(-expected, kind="stable")

fig, axes = plt.subplots(1, 6, figsize=(9.6, 2.4), layout="constrained")
rows = order[[0, len(order) // 2, -1]]
for picture, text, row in zip(axes[::2], axes[1::2], rows, strict=True):
    picture.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
    picture.set(title=f"noisy {drawn[row]}", xticks=[], yticks=[])
    picture.set_xlabel(f"expected {expected[row]:.2f}\ntrue {true[row]:.2f}")
    text.axis("off")
    found, truth = clf.predict(X_test[[row]])[0], Y_test[row]
    for line, label in enumerate(np.flatnonzero(found | truth)):
        name, right = digits.target_names[label], found[label] == truth[label]
        remark = "" if right else " (wrong)" if found[label] else " (missed)"
        place = {"x": 0, "y": 0.98 - 0.17 * line, "va": "top", "fontsize": 9}
        text.text(
            s=name.replace("_", " ") + remark,
            color="k" if right else "tab:red",
            **place,
        )
plt.show()
