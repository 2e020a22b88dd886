"""Extra trees of all labels together, out of sample on their training rows."""

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.tree import ExtraTreeRegressor
from sklearn.utils import check_random_state

from ..data import batches_of, rows_at_once
from .experts import Expert
from .input_views import dense, kind_of

# Trees come in rounds of so many; each of a round leaves out another part of the rows.
N_PARTS = 3
# Trees with more labels than this split by random sums of them.
MAX_OUTPUTS = 12
# Of more tables than this share filled, plain arrays are faster.
TABLE_DENSITY = 0.25
LARGEST = np.finfo(np.float32).max
# Rows with more entries stay sparse.
MAX_DENSE = 2**26
# More trees are worth their time up to so many rows.
FEW_ROWS, MOST_TREES = 2000, 66


class TreesExpert(Expert):
    """Extremely randomised trees, each grown without a third of the rows.

    All rows are left out by equally many trees, whose mean is their cross-fitted
    prediction. With many labels a tree splits by random combinations of them, drawn
    anew for each tree (Joly, Geurts and Wehenkel 2014), so that time does not grow with
    the number of labels; what its leaves predict are mean labels all the same.

    Parameters
    ----------
    n_estimators : int or "auto", default="auto"
        Number of trees, rounded up to a multiple of 3. "auto" is 66 for up to 2,000
        rows, 36 for more.
    min_samples_leaf : int or "auto", default="auto"
        "auto" is 5 for thin inputs, of which less than a fifth are not 0, and 2 for
        others.
    max_features : int, float or "auto", default="auto"
        How many features a split tries. "auto" is 30%, but at most 90 or the square
        root of their number, whichever is more.
    smoothing : float, default=.04
        Share of the mean labels of a tree's rows in its prediction.
    max_rows : int, default=10_000
        A tree is grown on at most so many rows.
    n_jobs, random_state : int, RandomState instance or None
    """

    def __init__(
        self,
        n_estimators="auto",
        min_samples_leaf="auto",
        max_features="auto",
        smoothing=0.04,
        max_rows=10_000,
        n_jobs=None,
        random_state=None,
    ):
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.smoothing = smoothing
        self.max_rows = max_rows
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, X, Y, weight):
        rng = check_random_state(self.random_state)
        n_trees, self.leaf_ = self.n_estimators, self.min_samples_leaf
        if n_trees == "auto":
            n_trees = MOST_TREES if X.shape[0] <= FEW_ROWS else 36
        if self.leaf_ == "auto":
            self.leaf_ = 2 if kind_of(X) == "standardised" else 5
        n_rounds = -(-n_trees // N_PARTS)
        parts = [self._kept(X.shape[0], rng) for _ in range(n_rounds)]
        kept = [rows for part in parts for rows in part]
        seeds = rng.randint(2**31 - 1, size=len(kept))
        pool = Parallel(n_jobs=self.n_jobs, prefer="threads")
        grown = pool(
            delayed(self._grown)(
                *(X[rows], Y[rows]), None if weight is None else weight[rows], seed
            )
            for rows, seed in zip(kept, seeds, strict=True)
        )
        self.trees_, tables, roots = map(list, zip(*grown, strict=True))
        self.offsets_ = np.cumsum([0, *(table.shape[0] for table in tables)])
        self.table_ = sparse.vstack(tables, format="csr")
        if self.table_.nnz > TABLE_DENSITY * np.prod(self.table_.shape):
            self.table_ = self.table_.toarray()
        self.roots_ = np.array(roots, dtype=np.float32)
        outside = np.ones((X.shape[0], len(kept)), dtype=bool)
        for tree, rows in enumerate(kept):
            outside[rows, tree] = False
        held_out = np.empty(Y.shape, dtype=np.float32)
        for rows in batches_of(X.shape[0], rows_at_once(self._width())):
            held_out[rows] = self._means(X[rows], outside[rows])
        return held_out

    def _kept(self, n, rng):
        """Rows that each tree of a round is grown on."""
        part = rng.permutation(n) % N_PARTS
        kept = [np.flatnonzero(part != left_out) for left_out in range(N_PARTS)]
        return [
            np.sort(rng.choice(rows, self.max_rows, replace=False))
            if len(rows) > self.max_rows
            else rows
            for rows in kept
        ]

    def _grown(self, X, Y, weight, seed):
        """A tree, the mean labels of its nodes that are leaves, and of all its rows."""
        rng = np.random.RandomState(seed)
        X, n_labels = _single(X), Y.shape[1]
        if n_labels > MAX_OUTPUTS:
            directions = rng.normal(size=(n_labels, MAX_OUTPUTS))
            outputs = Y @ directions.astype(np.float32)
        else:
            outputs = Y.toarray()
        tree = ExtraTreeRegressor(
            max_features=self._n_tried(X.shape[1]),
            min_samples_leaf=self.leaf_,
            random_state=rng.randint(2**31 - 1),
        )
        tree.fit(X, outputs, sample_weight=weight)
        weight = np.ones(X.shape[0]) if weight is None else weight
        weight = weight.astype(np.float32)
        leaves = tree.apply(X)
        at = (leaves, np.arange(len(leaves)))
        members = sparse.csr_matrix((weight, at), (tree.tree_.node_count, len(leaves)))
        sizes = np.bincount(leaves, weight, minlength=members.shape[0])
        means = sparse.diags(1 / np.where(sizes > 0, sizes, 1)) @ (members @ Y)
        return tree.tree_, means.astype(np.float32), Y.T @ weight / weight.sum()

    def _n_tried(self, n_features):
        if self.max_features != "auto":
            return self.max_features
        few = min(0.3 * n_features, 90)
        return int(max(1, few, n_features**0.5))

    def _width(self):
        return max(super()._width(), len(self.trees_))

    def _probabilities(self, X):
        return self._means(X, np.ones((X.shape[0], len(self.trees_)), dtype=bool))

    def _means(self, X, used):
        """Mean prediction of the trees that are used for each row."""
        X = _single(X)
        leaves = np.column_stack([tree.apply(X) for tree in self.trees_])
        leaves += self.offsets_[:-1]
        share = used / used.sum(axis=1, keepdims=True, dtype=np.float32)
        starts = np.concatenate([[0], used.sum(axis=1).cumsum()])
        shape = len(used), self.offsets_[-1]
        mixing = sparse.csr_matrix((share[used], leaves[used], starts), shape)
        means = dense(mixing @ self.table_)
        return (1 - self.smoothing) * means + self.smoothing * (share @ self.roots_)


def _single(X):
    """X in single precision, as trees want it, dense unless that is too large."""
    if sparse.issparse(X) and np.prod(X.shape, dtype=float) > MAX_DENSE:
        X = X.tocsr(copy=True)
        X.data = X.data.clip(-LARGEST, LARGEST).astype(np.float32)
        return X
    return np.clip(dense(X), -LARGEST, LARGEST).astype(np.float32)
