"""The default network for masks: a value on top of the network's own guess."""

import torch
from torch import nn

from .expected import expected_term
from .layers import cross_entropies, probabilities


class GuessNetwork(nn.Module):
    """A value on top of the network's own guess of the output.

    An encoder makes, once per image, a guess p(x). The score is the logit of the value
    that the oracle can be expected to have under that guess (beyond the paper)::

        s(x, y) = a * logit(E oracle(y, y*)) + c,  y* ~ p(x), its logits times b

    With a = b = 1 and c = 0, where they start, the value is the expectation itself.
    They are learned where the network is trained on tuples. With
    ``local_term="linear"`` the term is linear in y as in the paper's network for
    labels, ``a * mean(y * l(x)) + c``, where l are the logits of p.

    Parameters
    ----------
    encoder : Guesser
        Maps images to logits of masks.
    oracle : callable
        The oracle that the value is shaped after.
    local_term : {"oracle", "linear"}, default="oracle"
    apart : bool, default=False
        Whether the value takes the guess as it is: its loss trains only what stands on
        top of it.
    """

    def __init__(self, encoder, oracle, local_term="oracle", apart=False):
        super().__init__()
        self.encoder = encoder
        self.oracle, self.local_term, self.apart = oracle, local_term, apart
        self.log_slope = nn.Parameter(torch.zeros(()))
        self.log_sharpness = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(()))

    @property
    def multiple(self):
        """Of what heights and widths of images must be multiples."""
        return self.encoder.multiple

    def encode(self, x):
        """Logits of the guess."""
        return self.encoder.encode(x)

    def guess(self, context):
        """The guess, in [0, 1]."""
        return probabilities(context)

    def guess_losses(self, context, y, known=None):
        """Cross-entropy of the guess, shape (n,)."""
        return cross_entropies(context, y, known)

    def score(self, context, y):
        """Logit of the value, shape (n,)."""
        return self._score_and_grad(context, y)[0]

    def score_and_grad(self, context, y):
        """Logit of the value and its gradient in y, in closed form."""
        return self._score_and_grad(context, y)

    def _score_and_grad(self, context, y):
        slope = self.log_slope.exp()
        logits = context.detach() if self.apart else context
        if self.local_term == "linear":
            term = (y * logits).flatten(1).mean(1)
            grad = logits / logits[0].numel()
        else:
            sharp = probabilities(self.log_sharpness.exp() * logits)
            term, grad = expected_term(self.oracle)(y, sharp)
        return slope * term + self.bias, slope * grad
