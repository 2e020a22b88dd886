"""Random data as source text: rows and labels, images and masks, in many containers.

Plain arrays are called X0, Y0 and w0, for inputs, truths and weights; X, Y and w are
the same values in what containers and layouts users have. `spoiled` makes of them what
should be refused.
"""

from dataclasses import dataclass

LAYOUTS = [
    "np.asfortranarray({})",
    "backwards({})",
    "every_second({})",
    "read_only({})",
    "memmapped({})",
    "{0}.astype({0}.dtype.newbyteorder())",
]
DENSE = [
    *LAYOUTS,
    "{}.tolist()",
    "list({})",
    "tuple({})",
    "pd.DataFrame({})",
    "pd.DataFrame({}).convert_dtypes()",
    "pd.DataFrame({}).add_prefix('column')",
    "pl.DataFrame({})",
]
COLUMN = [*LAYOUTS, "{}.tolist()", "pd.Series({})", "{}[:, None]"]
KINDS_OF_SPARSE = ["coo", "csc", "csr", "dia", "bsr", "dok", "lil"]
SPARSE = [
    *(f"sparse.{kind}_matrix({{}})" for kind in KINDS_OF_SPARSE),
    *(f"sparse.{kind}_array({{}})" for kind in KINDS_OF_SPARSE[:4]),
    "duplicated({})",
    "unsorted({})",
    "with_long_indices({})",
    "with_zeros({})",
]
OF_ROWS = [*DENSE, *SPARSE, "{}.astype(object)"]
OF_WEIGHTS = [*LAYOUTS, "{}.tolist()", "pd.Series({})", "{}.astype(object)"]
OF_IMAGES = [
    *("list({})", "tuple({})", "Lazy({})", "as_objects({})", "pd.Series(list({}))"),
    *(f"each(lambda x: {one.format('x')}, {{}})" for one in LAYOUTS),
]

# Values are whole or half numbers, so that sums do not depend on their order.
ROWS = [
    *["rng.integers(-4, 5, size=({n}, {m})) / 2"] * 6,
    "np.ones(({n}, {m}))",
    "rng.integers(-4, 5, size=({n}, {m})) * 2.0**99",
    "rng.integers(-4, 5, size=({n}, {m})) / 2.0**99",
    "np.hstack([np.ones(({n}, 1)), rng.integers(0, 2, size=({n}, {m}))])",
]
LABELS = [
    *["rng.integers(0, 2, size=({n}, {k}))"] * 4,
    "(rng.random(size=({n}, {k})) < 0.1).astype(int)",
    "np.eye({n}, {k}, dtype=int)",
    "np.ones(({n}, {k}), dtype=int)",
]
CLASSES = [
    *["rng.integers(0, {k}, size={n})"] * 2,
    "np.arange({n}) // 2",
    "np.array(['a', 'b', 'ccc'])[rng.integers(0, 3, size={n})]",
    "rng.random(size={n}) < 0.5",
    "rng.integers(0, 2, size={n}) * 2.0 - 1",
    "(np.arange({n}) == 0).astype(int)",
]
MASKS = [
    *["rng.integers(0, {k}, size={shape})"] * 4,
    "(rng.random(size={shape}) < 0.1).astype(int)",
    "rng.integers(0, 2, size={shape}) * 255",
    "np.array(['a', 'b', 'ccc'])[rng.integers(0, {k}, size={shape})]",
    "rng.random(size={shape}) < 0.5",
]
ROW_TYPES = ["float32", "longdouble", "int8", "int64", "uint8", "bool"]
DENSE_TYPES = [*ROW_TYPES, "float16", ">f8", ">f4", ">i2"]  # SciPy knows none of these
IMAGE_TYPES = ["uint16", ">u2", "int64", "float64", "bool", "float16", "longdouble"]
MASK_TYPES = ["uint8", "uint16", ">i2", "float16", "float64", "bool"]
WEIGHTS = [
    "rng.integers(1, 4, size={n})",
    "rng.integers(0, 2, size={n})",
    "rng.random(size={n}) + 0.1",
    "np.ones({n}, dtype=np.float32)",
]

BAD_ANYTHING = [
    *("None", "'text'", "5", "{{'a': 1}}", "iter({})", "[]", "{}[:-1]", "{}[0]"),
]
BAD_ROWS = [
    *BAD_ANYTHING,
    *(f"with_value({{}}, {one})" for one in ("np.nan", "np.inf", "1e300", "-1e300")),
    "with_value({}, np.longdouble('1e400'))",
    "with_value({}.astype(object), None)",
    "sparse.csr_matrix(with_value({}, np.nan))",
    "np.asfortranarray(with_value({}, 1e300))",
    "{}[:, :-1]",
    "np.hstack([{0}, {0}])",
    "{}[:0]",
    "{}[:, :0]",
    "{}[None]",
    "{}[..., None]",
    "{}.astype(str)",
    "np.full({}.shape, 'a')",
    "{} + 1j",
    "[*{}.tolist()[:-1], [1.0]]",
    "pd.DataFrame({}).astype(str)",
]
BAD_LABELS = [
    *BAD_ANYTHING,
    *(f"with_value({{}}, {value})" for value in ("np.nan", "0.5", "-1", "2", "1e300")),
    "with_value({}.astype(object), None)",
    "{}[:0]",
    "{}[:, :-1]",
    "np.hstack([{0}, {0}])",
    "{}[..., None]",
    "{} * 0",
    "{} * 0 + 1",
    "{} + 5",
    "{}.astype(str)",
    "{} + 1j",
    "{}.astype(object)",
    "label_sets({})",
    "[*{}.tolist()[:-1], [1]]",
    "sparse.csr_matrix(2 * {})",
    "sparse.csr_matrix(with_value({}, np.nan))",
]
BAD_IMAGES = [
    *BAD_ANYTHING,
    *(f"with_value({{}}, {value})" for value in ("np.nan", "np.inf", "1e300")),
    "each(lambda x: x[..., :1], {})",
    "each(lambda x: x[..., None], {})",
    "each(lambda x: x.astype(str), {})",
    "each(lambda x: x + 1j, {})",
    "each(lambda x: np.moveaxis(x, -1, 0), {})",
    "{}[:0]",
    "[*list({})[:-1], None]",
    "[*list({})[:-1], np.zeros((0, 3))]",
    "[*list({})[:-1], 'no such file.png']",
    "Lazy([*list({})[:-1], None])",
]
BAD_MASKS = [
    *BAD_ANYTHING,
    *(f"with_value({{}}, {value})" for value in ("np.nan", "0.5", "77", "-1", "1e300")),
    "each(lambda y: y[..., :1], {})",
    "each(lambda y: y[..., None], {})",
    "each(lambda y: y.astype(str), {})",
    "each(lambda y: y * 0, {})",
    "each(lambda y: y + 1j, {})",
    "[*list({})[:-1], None]",
    "Lazy([*list({})[:-1], None])",
]
BAD_WEIGHTS = [
    *BAD_ANYTHING,
    "-{}",
    "{} * 0",
    "{} * np.nan",
    "{} * np.inf",
    "{} * 1e300",
    "{} * 1e-300",
    "{}[:, None]",
    "{}.astype(str)",
    "{} + 1j",
    "[None] * len({})",
]


@dataclass
class Variable:
    """Values under two names: as plain arrays, and in some container.

    Parameters
    ----------
    name : str
    container : str
        Source text of what makes the latter of the former.
    bad : list of str
        What should be refused in its place.
    """

    name: str
    container: str
    bad: list

    @property
    def plain(self):
        """The simplest container of the same kind; truths may always be dense."""
        if self.container in SPARSE and self.name == "X":
            return f"sparse.csr_matrix({self.name}0)"
        return f"{self.name}0"

    @property
    def line(self):
        return f"{self.name} = {self.container.format(self.name + '0')}"


@dataclass
class Data:
    """What a program knows: statements that make it, and its variables by name."""

    lines: list
    variables: dict

    def __init__(self, lines, variables):
        self.lines = [*lines, *(variable.line for variable in variables)]
        self.variables = {variable.name: variable for variable in variables}


def spoiled(rng, variable):
    """Source text of what is wrong with a variable."""
    return rng.choice(variable.bad).format(variable.name + "0")


def labelled_rows(rng):
    """Rows and their labels, `Data`."""
    n = rng.choice([1, 2, 3, 5, 8, 8, 12, 12, 12, 20])
    if rng.random() < 0.03:
        n = rng.choice([0, 110, 260])
    size = {"n": n, "m": rng.choice([1, 2, 3, 4]), "k": rng.choice([1, 2, 2, 3, 5])}
    rows, of_rows = rng.choice(ROWS).format(**size), _container(rng, OF_ROWS)
    lines = [_seed(rng), f"X0 = {rows}"]
    if "2.0**" not in rows and rng.random() < 0.3:
        types = ROW_TYPES if of_rows in SPARSE else DENSE_TYPES
        lines.append(f"X0 = X0.astype({rng.choice(types)!r})")
    is_matrix = rng.random() < 0.75
    of_labels = _container(rng, [*DENSE, *SPARSE] if is_matrix else COLUMN)
    kinds = LABELS if is_matrix else CLASSES
    lines.append(f"Y0 = {rng.choice(kinds).format(**size)}")
    if is_matrix and rng.random() < 0.3:
        types = ROW_TYPES if of_labels in SPARSE else DENSE_TYPES
        lines.append(f"Y0 = Y0.astype({rng.choice(types)!r})")
    lines.append(f"w0 = {rng.choice(WEIGHTS).format(**size)}")
    return Data(
        lines,
        [
            Variable("X", of_rows, BAD_ROWS),
            Variable("Y", of_labels, BAD_LABELS),
            Variable("w", _container(rng, OF_WEIGHTS), BAD_WEIGHTS),
        ],
    )


def masked_images(rng):
    """Images and their masks, `Data`."""
    n, channels = rng.choice([1, 2, 2, 3]), rng.choice(["", ", 1", ", 3", ", 3"])
    sides = [1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 13]
    sizes = [(rng.choice(sides), rng.choice(sides)) for _ in range(n)]
    levels = rng.choice(["0, 256", "0, 2", "7, 8"])
    if rng.random() < 0.5:
        shape = f"{n}, {sizes[0][0]}, {sizes[0][1]}{channels}"
        images = f"rng.integers({levels}, size=({shape}), dtype=np.uint8)"
    else:
        one = f"rng.integers({levels}, size=(h, w{channels}), dtype=np.uint8)"
        images = f"[{one} for h, w in {sizes}]"
    lines = [_seed(rng), f"X0 = {images}"]
    of_images = [*OF_IMAGES, "image_files({})"]
    if rng.random() < 0.4:
        kind, of_images = rng.choice(IMAGE_TYPES), OF_IMAGES
        lines.append(f"X0 = each(lambda x: x.astype({kind!r}), X0)")
    shape, k = "x.shape[:-1]" if channels else "x.shape", rng.choice([2, 2, 3])
    mask = rng.choice(MASKS).format(shape=shape, k=k)
    lines.append(f"Y0 = each(lambda x: {mask}, X0)")
    if "'a'" not in mask and rng.random() < 0.3:
        lines.append(f"Y0 = each(lambda y: y.astype({rng.choice(MASK_TYPES)!r}), Y0)")
    lines.append(f"w0 = {rng.choice(WEIGHTS).format(n=n)}")
    return Data(
        lines,
        [
            Variable("X", _container(rng, of_images), BAD_IMAGES),
            Variable("Y", _container(rng, OF_IMAGES), BAD_MASKS),
            Variable("w", _container(rng, OF_WEIGHTS), BAD_WEIGHTS),
        ],
    )


def _seed(rng):
    return f"rng = np.random.default_rng({rng.randrange(1000)})"


def _container(rng, kinds):
    return "{}" if rng.random() < 0.4 else rng.choice(kinds)
