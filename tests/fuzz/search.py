"""Run many random programs, group what is found in them, and report it."""

import random
from dataclasses import dataclass, field

from .calls import new_program
from .judges import InvalidProgram
from .names import with_imports
from .running import run
from .shrinking import smallest


@dataclass
class Search:
    """What many programs have shown.

    Parameters
    ----------
    seed, n_cases : int
        Which programs, and how many.
    found : dict
        For each kind of `Finding` it, and pairs of a case and its program.
    n_invalid : int
        Programs that failed by themselves.
    """

    seed: int
    n_cases: int
    found: dict = field(default_factory=dict)
    n_invalid: int = 0

    def carry_out(self):
        """Run all programs."""
        for case in range(self.n_cases):
            source = new_program(random.Random(f"{self.seed}, {case}"))
            try:
                finding = run(source)
            except InvalidProgram:
                self.n_invalid += 1
                continue
            if finding is not None:
                _, cases = self.found.setdefault(finding.kind, (finding, []))
                cases.append((case, source))
        return self

    def report(self):
        """What was found, grouped by kind, each with a small program to run."""
        n_found = sum(len(cases) for _, cases in self.found.values())
        head = (
            f"Seed {self.seed}, {self.n_cases} cases: {n_found} with findings of "
            f"{len(self.found)} kinds, {self.n_invalid} invalid."
        )
        ordered = sorted(self.found.values(), key=lambda pair: -len(pair[1]))
        return "\n\n".join([head, *(_described(*pair) for pair in ordered)])


def _described(finding, cases):
    numbers = ", ".join(str(case) for case, _ in cases[:8])
    shortest = min((source for _, source in cases), key=len)
    program = with_imports(smallest(shortest, finding))
    indented = "\n".join(f"    {line}".rstrip() for line in program.splitlines())
    return (
        f"{len(cases)} x {finding.kind}\n(cases {numbers})\n{finding.message[:1000]}"
        f"\n\n{indented}"
    )
