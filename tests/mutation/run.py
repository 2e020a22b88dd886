"""Mutation testing: do the unit tests notice a random sample of small errors?

Run `pip install mutmut`, then for example
`python tests/mutation/run.py --n 200 --seed 0 skdvn/oracles.py skdvn/networks`.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def mutmut(*args, **kwargs):
    """Run mutmut in the current folder."""
    command = [sys.executable, "-m", "mutmut", *args]
    return subprocess.run(command, check=True, text=True, **kwargs)


def set_up(folder, paths):
    """Make a copy of package and tests in which mutmut may do as it likes."""
    for name in ("skdvn", "tests"):
        shutil.copytree(ROOT / name, folder / name)
    patterns = [str(path) if path.suffix else f"{path}/*" for path in paths]
    config = (HERE / "mutmut.toml").read_text()
    config = config.replace("[tool.mutmut]", f"[tool.mutmut]\nonly_mutate = {patterns}")
    (folder / "pyproject.toml").write_text(config)


def sample(n, seed):
    """Names of n mutants, of each module in proportion to how many it has."""
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.file_utils import walk_mutatable_files
    from mutmut.utils.format_utils import get_mutant_name

    rng, names = random.Random(seed), []
    for path in sorted(walk_mutatable_files()):
        found = mutate_file_contents(str(path), path.read_text()).mutant_names
        names += rng.sample([get_mutant_name(path, name) for name in found], len(found))
    step = max(len(names) / n, 1)
    print(f"{min(n, len(names))} of {len(names)} mutants")
    return [names[int(i * step)] for i in range(min(n, len(names)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="modules and folders")
    parser.add_argument("--n", type=int, default=200, help="size of the sample")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        set_up(Path(folder), args.paths)
        os.chdir(folder)
        names = sample(args.n, args.seed)
        mutmut("run", "--max-children", "1", *names)
        lines = mutmut("results", "--all", "true", stdout=subprocess.PIPE).stdout
        results = dict(line.strip().split(": ") for line in lines.splitlines())
        left = [n for n in names if results[n] not in ("killed", "timeout")]
        for name in left:
            mutmut("show", name)
        print(f"{len(names) - len(left)} of {len(names)} mutants killed")
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
