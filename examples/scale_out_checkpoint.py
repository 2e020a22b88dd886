"""
==============================
Go on after a crash
==============================

With ``checkpoint_dir`` a fit leaves a copy of its state after each epoch. If the
machine stops, the same call goes on from there, and ends with the very weights it would
have had.
"""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdvn import DVNSegmenter
from skdvn.datasets import make_silhouettes

folder = Path(tempfile.mkdtemp())

# %%
# A fit that is killed
# --------------------
# A process of its own starts to fit, and gets ``kill -9`` once some epochs are done.

script = f"""
    from skdvn import DVNSegmenter
    from skdvn.datasets import make_silhouettes

    X, Y = make_silhouettes(100, random_state=0)
    DVNSegmenter(
        n_channels=8, max_iter=40, random_state=0, checkpoint_dir={str(folder)!r}
    ).fit(X, Y)
"""
process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
while not list(folder.glob("*/*.pt")):
    time.sleep(0.1)
time.sleep(4)
os.kill(process.pid, signal.SIGKILL)
print("the process ended with", process.wait())
print("it left", [path.name for path in folder.glob("*/*.pt")])

# %%
# The same fit goes on
# --------------------
# Same parameters, same data, another process: it finds the copy. Its history has all
# epochs; those of the process that was killed took their time there.

X, Y = make_silhouettes(100, random_state=0)
clf = DVNSegmenter(n_channels=8, max_iter=40, random_state=0, checkpoint_dir=folder)
began = time.perf_counter()
clf.fit(X, Y)
seconds = time.perf_counter() - began
times = [entry["seconds"] for entry in clf.history_]
print(f"{len(times)} epochs of {sum(times):.1f} s, of which {seconds:.1f} s just now")
print("left of a complete fit:", list(folder.iterdir()))

# %%
# The weights are those of a fit that was never killed.

whole = DVNSegmenter(n_channels=8, max_iter=40, random_state=0).fit(X, Y)
largest = max(
    float((mine - others).detach().abs().max())
    for mine, others in zip(
        clf.network_.parameters(), whole.network_.parameters(), strict=True
    )
)
print("largest difference of a weight:", largest)

figure, ax = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
for one, style in ((whole, {"lw": 4, "alpha": 0.3}), (clf, {"ls": "--"})):
    losses = [entry["loss"] for entry in one.history_]
    name = "in one go" if one is whole else "killed and resumed"
    ax.plot(np.arange(len(losses)) + 1, losses, label=name, **style)
ax.set(xlabel="epoch", ylabel="training loss")
ax.legend()
plt.show()
