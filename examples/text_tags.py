"""
=========================================
Tags of texts: few that are sure, or many
=========================================

Texts as sparse counts of words, and their tags. The F1 score weighs wrong tags against
forgotten ones; other F-beta scores weigh them otherwise, and a network can be trained
for each of them. With ``SKDVN_DATA`` the texts are Bibtex, 159 tags of entries of
bibliographies; without it they are made up.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_multilabel_classification
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from skdvn import DVNMultiLabelClassifier
from skdvn.baselines import PlugInClassifier
from skdvn.datasets import load_bibtex
from skdvn.metrics import relaxed_f1_score

folder = os.environ.get("SKDVN_DATA")
if folder:
    train, test = (load_bibtex(folder, subset=part) for part in ("train", "test"))
    X_train, X_test, Y_train, Y_test = train.data, test.data, train.target, test.target
    tags = np.array([name.removeprefix("TAG_") for name in train.target_names])
else:
    X, Y = make_multilabel_classification(
        4000,
        1000,
        n_classes=20,
        n_labels=3,
        length=200,
        allow_unlabeled=False,
        sparse=True,
        random_state=0,
    )
    X_train, X_test, Y_train, Y_test = train_test_split(
        X, Y, test_size=0.3, random_state=0
    )
    tags = np.array([f"tag {i}" for i in range(Y.shape[1])])
print(f"{X_train.shape[0]} training texts, {len(tags)} tags")
print(f"{Y_train.sum(axis=1).mean():.1f} tags per text")

# %%
# X goes in as it is, sparse. Beside the Deep Value Network, logistic regression of each
# tag on tf-idf weights, with the plug-in rule for F1.

one_vs_rest = OneVsRestClassifier(LogisticRegression(C=3, max_iter=1000))
plug_in = PlugInClassifier(make_pipeline(TfidfTransformer(), one_vs_rest))
plug_in.fit(X_train, Y_train)
f1 = relaxed_f1_score(Y_test, plug_in.predict(X_test))
print(f"LR, expected-F1 rule: F1 {f1:.3f}")

found = {}
for oracle in ("f0.5", "f1", "f2"):
    clf = DVNMultiLabelClassifier(oracle=oracle, random_state=0).fit(X_train, Y_train)
    found[oracle] = Y_pred = clf.predict(X_test)
    f1, n_tags = relaxed_f1_score(Y_test, Y_pred), Y_pred.sum(axis=1).mean()
    print(f'DVN for "{oracle}": F1 {f1:.3f}, {n_tags:.1f} tags per text', flush=True)

# %%
# Precision is the share of the tags found that are right, recall the share of the right
# tags that are found. The higher beta, the more tags are given.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for oracle, Y_pred in found.items():
    precision = precision_score(Y_test, Y_pred, average="samples", zero_division=0)
    recall = recall_score(Y_test, Y_pred, average="samples", zero_division=0)
    ax.scatter(recall, precision, s=60, label=f'trained for "{oracle}"')
ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1))
ax.legend()
plt.show()

# %%
# The tags of five test texts:

for row in range(5):
    print("true:", ", ".join(tags[Y_test[row] > 0]))
    for oracle, Y_pred in found.items():
        print(f"{oracle:>4}:", ", ".join(tags[Y_pred[row] > 0]))
    print()
