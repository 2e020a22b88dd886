"""
==============================================
Send the least certain predictions to a person
==============================================

A Deep Value Network says how good it expects each of its predictions to be. Values of
the default can be taken at their word. Those of the paper's network are too high, and
are calibrated on held-out rows. A person who has time for a tenth of the predictions
gets those of the lowest value.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import ShuffleSplit, train_test_split

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier
from skdvn.datasets import load_bibtex, load_digit_attributes
from skdvn.inspection import RiskCoverageDisplay, ValueCalibrationDisplay
from skdvn.metrics import value_calibration_error, value_pairs

folder = os.environ.get("SKDVN_DATA")
if folder:
    X_train, Y_train = load_bibtex(folder, return_X_y=True)
    X_test, Y_test = load_bibtex(folder, subset="test", return_X_y=True)
else:
    X, Y = load_digit_attributes(noise=6, return_X_y=True)
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, Y, test_size=0.3, random_state=0
    )
print(f"{Y_train.shape[0]} training rows, {Y_test.shape[0]} test rows")

# %%
# Values
# ------
# The default needs no map. For the network of the paper a second fit, on 70% of the
# rows, shows how far values are off on the others; a curve through them mends those of
# the network that is fitted to all rows.

clf = DVNMultiLabelClassifier(random_state=0).fit(X_train, Y_train)
calibrated = CalibratedValueCV(
    DVNMultiLabelClassifier(network="linear", random_state=0),
    method="sigmoid",
    cv=ShuffleSplit(1, test_size=0.3, random_state=0),
).fit(X_train, Y_train)

pairs = {
    "default": value_pairs(clf, X_test, Y_test),
    "paper's network": value_pairs(calibrated.estimator_, X_test, Y_test),
    "the same, calibrated": value_pairs(calibrated, X_test, Y_test),
}
for name, (true, predicted) in pairs.items():
    print(
        f"{name:20} predicted F1 {predicted.mean():.3f}, true {true.mean():.3f}, "
        f"calibration error {value_calibration_error(true, predicted):.3f}"
    )

# %%
# Each dot is a test row, each line joins the means of ten bins. On the right, what is
# gained by keeping the rows of the highest values of the default only. The dashed line
# is the most that any order could gain, since it knows the truth.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
for name, pair in pairs.items():
    ValueCalibrationDisplay.from_predictions(*pair, name=name, ax=left)
RiskCoverageDisplay.from_predictions(*pairs["default"], ax=right)
left.set(xlabel="predicted F1", ylabel="true F1")
right.set_ylabel("mean true F1 of those kept")
plt.show()

# %%
# A tenth for a person
# --------------------

true, predicted = pairs["default"]
n_sent = len(true) // 10
sent, kept = np.split(np.argsort(predicted, kind="stable"), [n_sent])
print(f"A person gets {n_sent} rows, of values up to {predicted[sent].max():.3f}.")
print(
    f"True F1 of all rows {true.mean():.3f}, of those sent {true[sent].mean():.3f}, "
    f"of those kept {true[kept].mean():.3f}"
)
print(f"With the truly worst sent it would be {np.sort(true)[n_sent:].mean():.3f}.")
