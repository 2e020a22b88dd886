"""A value for labels on top of a feed-forward guess of them."""

import torch
from torch import nn

from .expected import expected_term


class GuessLabelNetwork(nn.Module):
    """A value for labels that is shaped like the oracle, against a guess.

    The local part of a label network, read as logits of independent labels p(x),
    takes the place of coefficients; the score is the logit of the value that the
    oracle would have under p, scaled, and the global part (beyond the paper)::

        s(x, y) = a * logit(oracle(y, sharpened p(x))) + c + g(y)

    See `GuessNetwork`, its like for masks. The global part starts at 0.

    Parameters
    ----------
    labels : LabelNetwork
        Local and global part.
    oracle : callable
        The oracle that the value is shaped after.
    apart : bool, default=False
        Whether the value takes the guess as it is: its loss trains only what stands on
        top of it.
    """

    def __init__(self, labels, oracle, apart=False):
        super().__init__()
        self.labels = labels
        self.oracle, self.apart = oracle, apart
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.log_sharpness = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(()))
        nn.init.zeros_(labels.interaction.readout)

    def encode(self, x):
        """Logits of the guess, shape (n, n_labels)."""
        return self.labels.encode(x)

    def guess(self, context):
        """The guess, in [0, 1]."""
        return self.labels.guess(context)

    def guess_losses(self, context, y):
        """Cross-entropy of the guess, shape (n,)."""
        return self.labels.guess_losses(context, y)

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        return self.score_and_grad(context, y)[0]

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y, in closed form."""
        logits = context.detach() if self.apart else context
        guess = torch.sigmoid(self.log_sharpness.exp() * logits)
        term, slope = expected_term(self.oracle)(y, guess)
        score, grad = self.labels.score_and_grad(torch.zeros_like(y), y)
        scale = self.log_slope.exp()
        return scale * term + self.bias + score, scale * slope + grad
