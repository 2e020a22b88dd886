"""Search for faults: ``python -m tests.fuzz --cases 1000 --seed 0``."""

import argparse

from .search import Search


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(Search(args.seed, args.cases).carry_out().report())


if __name__ == "__main__":
    main()
