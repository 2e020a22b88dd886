"""Sparse matrices and decision trees as arrays, and back, with checks."""

import numpy as np
from scipy import sparse
from sklearn.tree._tree import NODE_DTYPE, Tree

LEAF = -1
OF_NODES = "left_child", "right_child", "feature", "threshold"


def csr_parts(matrix):
    """A CSR matrix as a list of shape and arrays."""
    return [list(matrix.shape), matrix.data, matrix.indices, matrix.indptr]


def csr_of(parts):
    """The CSR matrix of such a list; raises ValueError if it is none."""
    shape, data, indices, indptr = parts
    matrix = sparse.csr_matrix((data, indices, indptr), shape=tuple(shape))
    matrix.check_format(full_check=True)
    return matrix


def tree_parts(tree):
    """What decides in which leaf of a tree a row ends, as a list."""
    nodes = tree.__getstate__()["nodes"]
    fields = [np.ascontiguousarray(nodes[name]) for name in OF_NODES]
    return [tree.n_features, tree.n_outputs, tree.max_depth, *fields]


def tree_of(parts):
    """A tree with these nodes, whose `apply` finds leaves and whose values are 0.

    Raises
    ------
    ValueError
        If a node points to none that follows, or to no feature.
    """
    n_features, n_outputs, max_depth, *fields = parts
    left, right, feature, threshold = fields
    n, places = len(left), np.arange(len(left))
    inner = left != LEAF
    follows = (places < left) & (left < n) & (places < right) & (right < n)
    splits = (feature >= 0) & (feature < n_features) & np.isfinite(threshold)
    alike = all(field.shape == (n,) for field in fields)
    if not alike or not n or not (follows & splits)[inner].all():
        raise ValueError("it holds a tree whose nodes are not in order")
    nodes = np.zeros(n, NODE_DTYPE)
    for name, field in zip(OF_NODES, fields, strict=True):
        nodes[name] = field
    tree = Tree(n_features, np.ones(n_outputs, dtype=np.intp), n_outputs)
    values = np.zeros((n, n_outputs, 1))
    tree.__setstate__(
        {"max_depth": max_depth, "node_count": n, "nodes": nodes, "values": values}
    )
    return tree
