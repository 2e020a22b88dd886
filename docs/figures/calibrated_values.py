"""Predicted beside true values, as the network says them and calibrated."""

import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from skdvn import CalibratedValueCV, DVNMultiLabelClassifier
from skdvn.datasets import load_digit_attributes
from skdvn.inspection import RiskCoverageDisplay, ValueCalibrationDisplay

X, Y = load_digit_attributes(noise=6, return_X_y=True)
X_rest, X_test, Y_rest, Y_test = train_test_split(X, Y, random_state=0)
X_train, X_held, Y_train, Y_held = train_test_split(
    X_rest, Y_rest, test_size=0.3, random_state=0
)
clf = DVNMultiLabelClassifier(random_state=0).fit(X_rest, Y_rest)
dvn = DVNMultiLabelClassifier(network="linear", max_iter=30, refit=True, random_state=0)
dvn.fit(X_train, Y_train)
calibrated = CalibratedValueCV(FrozenEstimator(dvn), method="sigmoid")
calibrated.fit(X_held, Y_held)

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
named = {"default": clf, "paper's network": dvn, "the same, calibrated": calibrated}
for name, one in named.items():
    ValueCalibrationDisplay.from_estimator(one, X_test, Y_test, name=name, ax=left)
RiskCoverageDisplay.from_estimator(clf, X_test, Y_test, ax=right)
left.set_title("Each test row, and means of ten bins")
right.set_title("What keeping the surest gains")
plt.show()
