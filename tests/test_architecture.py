"""The rooms of the package: what may import what, as docs/design.rst says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skdvn"
DESIGN = ROOT / "docs" / "design.rst"
# Rooms that know torch and not scikit-learn.
TORCH_ROOMS = {"oracles", "data", "networks", "inference", "training"}


def rooms_of_design():
    """Rooms in the order of the table in docs/design.rst, from the bottom up."""
    table = DESIGN.read_text(encoding="utf-8").split(".. rooms-begin", 1)[1]
    table = table.split(".. rooms-end", 1)[0]
    return re.findall(r"^``(\w+?)(?:\.py|/)``", table, flags=re.MULTILINE)


def files_of_design():
    """Files that docs/design.rst names, by room."""
    text = DESIGN.read_text(encoding="utf-8").split(".. files-begin", 1)[1]
    return set(re.findall(r"``(\w+(?:/\w+)*\.py)``", text.split(".. files-end", 1)[0]))


def modules(package):
    """The modules of a package, as paths by dotted name below it."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts)] = path
    return found


def imports(name, path):
    """All imports of a module: dotted targets, and the names taken from each.

    Targets within the package are relative to it, others start with a slash.
    """
    here = name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield "/" + alias.name, []
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if not node.level:
                yield "/" + node.module, names
                continue
            base = here[: len(here) - node.level + 1]
            yield ".".join([*base, *(node.module or "").split(".")]).strip("."), names


def faults(package, rooms):
    """What a package does that its rooms forbid, as sentences."""
    floor = {room: i for i, room in enumerate(rooms)}
    found = []
    for name, path in modules(package).items():
        room = name.split(".")[0]
        if room == "__init__":
            continue
        for target, names in imports(name, path):
            what = f"{name} imports {target.strip('/')}"
            if target.startswith("/"):
                if room in TORCH_ROOMS and target[1:].split(".")[0] == "sklearn":
                    found.append(f"{what}, which torch rooms do not know")
                continue
            other = target.split(".")[0]
            if other == room:
                continue
            if floor.get(other, len(floor)) > floor[room]:
                found.append(f"{what}, which is above it")
            private = [part for part in (*target.split(".")[1:], *names)]
            if any(part.startswith("_") and part[1] != "_" for part in private):
                found.append(f"{what}: a private name of another room")
    return found


def circles(package):
    """Modules that import each other in a circle, as paths of names."""
    known = modules(package)
    arrows = {}
    for name, path in known.items():
        arrows[name] = set()
        for target, names in imports(name, path):
            if target.startswith("/"):
                continue
            for one in (target, *(f"{target}.{part}".strip(".") for part in names)):
                face = f"{one}.__init__".strip(".")
                arrows[name] |= {one, face} & known.keys()
        # The face of a room is made of its modules, which therefore must not need it.
        arrows[name].discard(name)
    done, path = set(), []

    def visit(name):
        if name in path:
            yield [*path[path.index(name) :], name]
        elif name not in done:
            path.append(name)
            for other in sorted(arrows[name]):
                yield from visit(other)
            done.add(path.pop())

    return [circle for name in sorted(known) for circle in visit(name)]


def test_no_room_imports_one_above_it():
    assert faults(PACKAGE, rooms_of_design()) == []


def test_there_are_no_circles():
    assert circles(PACKAGE) == []


def test_the_house_plan_knows_every_room_and_file():
    entries = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    entries -= {"__init__", "__pycache__", "py.typed"}
    assert entries == set(rooms_of_design())
    files = {
        "/".join(name.split(".")) + ".py"
        for name in modules(PACKAGE)
        if not name.endswith("__init__") and "." in name
    }
    assert files_of_design() == files


def test_the_house_plan_names_only_files_there_are():
    named = re.findall(r"``(\w+(?:/\w+)*\.py)``", DESIGN.read_text(encoding="utf-8"))
    assert [name for name in named if not (PACKAGE / name).exists()] == []


def test_few_entries_at_the_top():
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 14


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("where", "line", "fault"),
    [
        ("data/rows.py", "from ..training import Trainer", "which is above it"),
        ("training/trainer.py", "import sklearn.base", "do not know"),
        ("metrics/scores.py", "from ..data.rows import _standardize", "a private name"),
    ],
)
def test_planted_faults_are_found(tmp_path, where, line, fault):
    """The checks above would notice."""
    for name, path in modules(PACKAGE).items():
        copy = (tmp_path / "/".join(name.split("."))).with_suffix(".py")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    planted = tmp_path / where
    planted.write_text(f"{planted.read_text(encoding='utf-8')}\n{line}\n")
    found = faults(tmp_path, rooms_of_design())
    assert len(found) == 1 and fault in found[0]


def test_a_planted_circle_is_found(tmp_path):
    (tmp_path / "a.py").write_text("from .b import x\n")
    (tmp_path / "b.py").write_text("def f():\n    from . import a\n")
    assert circles(tmp_path) == [["a", "b", "a"]]
