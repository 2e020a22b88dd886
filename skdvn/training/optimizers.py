"""SGD with momentum, Adam, AdamW, L-BFGS, and averages of iterates.

torch's own optimizers import its compiler when the first one is made, which costs
every fresh process two seconds; a grid search starts many.
"""

import torch
from scipy.optimize import minimize

from ..networks import copy_network


class Optimizer:
    """Updates the parameters of a network from their gradients.

    Parameters
    ----------
    network : torch.nn.Module
    alpha : float
        Weight decay: ``alpha * W`` is added to the gradient of weights (not biases).
    max_grad_norm : float
        Gradients whose joint norm is larger are scaled down to it.
    """

    def __init__(self, network, alpha, max_grad_norm):
        named = [pair for pair in network.named_parameters() if pair[1].requires_grad]
        self.params = [p for _, p in named]
        self.alphas = [0.0 if name.endswith("bias") else alpha for name, _ in named]
        self.max_grad_norm = max_grad_norm

    def state(self):
        """What it remembers, as a dictionary of numbers and lists of tensors."""
        return {name: getattr(self, name) for name in self.remembered}

    def resume(self, state):
        """Go on from a state, unless it is that of another kind of optimizer."""
        if state.keys() != set(self.remembered):
            return
        for name, value in state.items():
            if isinstance(value, list):
                pairs = zip(value, self.params, strict=True)
                value = [old.to(p, copy=True) for old, p in pairs]
            setattr(self, name, value)

    @torch.no_grad()
    def step(self, learning_rate):
        """Update all parameters and forget their gradients."""
        used = [(i, p) for i, p in enumerate(self.params) if p.grad is not None]
        norms = [torch.linalg.vector_norm(p.grad) for _, p in used]
        norm = torch.linalg.vector_norm(torch.stack(norms))
        clip = (self.max_grad_norm / norm).clamp(max=1)
        for i, p in used:
            self._update(i, p, clip, self.alphas[i], learning_rate)
            p.grad = None


class SGD(Optimizer):
    """Stochastic gradient descent with (heavy-ball) momentum.

    Parameters
    ----------
    network, alpha, max_grad_norm
        As for `Optimizer`.
    momentum : float
        In [0, 1).
    """

    remembered = ("velocities",)

    def __init__(self, network, alpha, max_grad_norm, momentum):
        super().__init__(network, alpha, max_grad_norm)
        self.momentum = momentum
        self.velocities = [torch.zeros_like(p) for p in self.params]

    def _update(self, i, p, clip, alpha, learning_rate):
        velocity = self.velocities[i].mul_(self.momentum).addcmul_(p.grad, clip)
        if alpha:
            velocity.add_(p, alpha=alpha)
        p.add_(velocity, alpha=-learning_rate)


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015) with its usual constants.

    Parameters
    ----------
    network, alpha, max_grad_norm
        As for `Optimizer`.
    """

    remembered = ("n_steps", "means", "squares")
    decays, epsilon = (0.9, 0.999), 1e-8

    def __init__(self, network, alpha, max_grad_norm):
        super().__init__(network, alpha, max_grad_norm)
        self.n_steps = 0
        self.means = [torch.zeros_like(p) for p in self.params]
        self.squares = [torch.zeros_like(p) for p in self.params]

    def step(self, learning_rate):
        """Update all parameters and forget their gradients."""
        self.n_steps += 1
        super().step(learning_rate)

    def _update(self, i, p, clip, alpha, learning_rate):
        grad = self._decayed(p, p.grad * clip, alpha, learning_rate)
        decay, decay_square = self.decays
        mean = self.means[i].lerp_(grad, 1 - decay)
        square = self.squares[i].mul_(decay_square)
        square.addcmul_(grad, grad, value=1 - decay_square)
        scale = (square / (1 - decay_square**self.n_steps)).sqrt_().add_(self.epsilon)
        p.addcdiv_(mean, scale, value=-learning_rate / (1 - decay**self.n_steps))

    def _decayed(self, p, grad, alpha, learning_rate):
        """The gradient with the weight decay in it."""
        return grad.add_(p, alpha=alpha)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019).

    Parameters
    ----------
    network, alpha, max_grad_norm
        As for `Optimizer`.
    """

    def _decayed(self, p, grad, alpha, learning_rate):
        p.mul_(1 - learning_rate * alpha)
        return grad


class LBFGS(Optimizer):
    """SciPy's L-BFGS, for those weights that a loss depends on.

    Parameters
    ----------
    network : torch.nn.Module
    alpha : float
        Half of it times the square of all weights but biases is added to the loss.
    """

    remembered = ()

    def __init__(self, network, alpha):
        super().__init__(network, alpha, float("inf"))
        self.network = network

    def minimise(self, loss):
        """Set the weights to where the loss is least, and return what it is there."""
        dtype = self.params[0].dtype
        self.network.double()
        used = [
            (p, alpha)
            for p, alpha in zip(self.params, self.alphas, strict=True)
            if _depends(loss, p)
        ]

        def loss_and_grad(flat):
            _set(used, flat)
            value = loss() + sum(0.5 * alpha * p.square().sum() for p, alpha in used)
            grads = torch.autograd.grad(value, [p for p, _ in used])
            return value.item(), torch.cat([g.flatten() for g in grads]).cpu().numpy()

        start = torch.cat([p.detach().flatten() for p, _ in used]).cpu().numpy()
        found = minimize(loss_and_grad, start, jac=True, method="L-BFGS-B")
        _set(used, found.x)
        self.network.to(dtype)
        return float(found.fun)


def _depends(loss, parameter):
    (grad,) = torch.autograd.grad(loss(), [parameter], allow_unused=True)
    return grad is not None


@torch.no_grad()
def _set(used, flat):
    for p, _ in used:
        p.copy_(torch.as_tensor(flat[: p.numel()]).view(p.shape))
        flat = flat[p.numel() :]


class MovingAverage:
    """Exponential moving average of a network's weights (Polyak averaging).

    At first the average is over the last tenth of the updates, so that the weights
    of the beginning are soon forgotten.

    Parameters
    ----------
    network : torch.nn.Module
        Copied, not changed.
    decay : float
        In (0, 1).

    Attributes
    ----------
    network : torch.nn.Module
        The network with averaged weights, for inference.
    """

    def __init__(self, network, decay):
        self.network = copy_network(network).eval()
        self._decay, self._n_updates = decay, 0

    def state(self):
        """What it goes on from."""
        return {"network": self.network.state_dict(), "n_updates": self._n_updates}

    def resume(self, state):
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self._n_updates = state["n_updates"]

    @torch.no_grad()
    def update(self, network):
        """Take in the weights as they are now."""
        self._n_updates += 1
        share = max(1 - self._decay, 10 / (9 + self._n_updates))
        mine, others = self.network.state_dict(), network.state_dict()
        for name, value in others.items():
            if value.is_floating_point():
                mine[name].lerp_(value, share)
            else:
                mine[name].copy_(value)
