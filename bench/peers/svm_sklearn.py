"""One against the rest by scikit-learn's LinearSVC, as VISSL measures VOC07; rows come as JSON, figures go out as JSON."""
import json
import sys

import numpy as np
import sklearn
from sklearn.model_selection import cross_val_score
from sklearn.svm import LinearSVC

COSTS = [0.01, 0.1, 1, 2, 5, 10, 15, 20, 50, 100, 1000]


def rows(part):
    values = np.array(part["values"], dtype=np.float32).reshape(part["length"], part["dimensions"]).astype(np.float64)
    unit = (values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-5)).astype(np.float32).astype(np.float64)
    return unit, np.array(part["labels"]).reshape(part["length"], -1)


def machine(cost, tolerance=1e-4, passes=2000):
    return LinearSVC(C=cost, class_weight={1: 2, -1: 1}, penalty="l2", loss="squared_hinge", dual=True,
                     tol=tolerance, max_iter=passes, random_state=0)


def interpolated(scores, positive):
    """Area under the precision that is the greatest at each recall or above."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    precision = hits / np.arange(1, len(order) + 1)
    recall = np.concatenate([[0], hits / positive.sum()])
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * ceiling))


given = json.load(sys.stdin)
(train, train_labels), (test, test_labels) = rows(given["train"]), rows(given["test"])
classes = []
for column in range(train_labels.shape[1]):
    signs = np.where(train_labels[:, column] == 1, 1, -1)
    folds = [cross_val_score(machine(cost), train, signs, cv=3, scoring="average_precision").mean() for cost in COSTS]
    cost = COSTS[int(np.argmax(folds))]
    scores = machine(cost).fit(train, signs).decision_function(test)
    asked = test_labels[:, column] != -1
    exact = {str(c): machine(c, 1e-10, 10_000_000).fit(train, signs).decision_function(test)[:10].tolist() for c in (0.1, 20)}
    classes.append({"folds": folds, "cost": cost, "averagePrecision": interpolated(scores[asked], (test_labels[asked, column] == 1).astype(float)), "decisions": exact})
print(json.dumps({
    "made": f"scikit-learn {sklearn.__version__} LinearSVC, bench/peers/svm_sklearn.py",
    "meanAveragePrecision": float(np.mean([own["averagePrecision"] for own in classes])),
    "classes": classes,
}, indent=1))
