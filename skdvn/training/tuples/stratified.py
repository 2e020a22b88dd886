"""Samples near the truth, as many of high as of low value (section 3.3)."""

import math

import torch
from torch.nn import functional as F


def stratified(batch):
    """Samples of ``p(y) ~ exp(v*(y, y_true) / tau)``, stratified by value."""
    return stratified_around(batch.y_true, batch)


def stratified_around(centre, batch):
    """The same around any outputs in place of the truth.

    Parameters
    ----------
    centre : torch.Tensor of shape (n, ...)
        Binary.
    batch : Batch
    """
    settings = batch.settings
    if settings.tau == 0:
        return [centre]
    candidates = corrupt(centre, settings.n_candidates, batch.rng)
    values = torch.stack([settings.oracle(y, centre) for y in candidates])
    log_weights = stratified_log_weights(values, settings.tau, settings.n_strata)
    rows = torch.arange(values.shape[1], device=values.device)
    return [
        candidates[_draw(log_weights, batch.rng), rows]
        for _ in range(settings.n_samples)
    ]


def corrupt(y_true, n_candidates, rng):
    """Binary outputs at many distances from the truth, the truth itself first.

    Each candidate forgets and invents entries at rates of its own, uniform between
    none and as many as the truth has; of a mask whole patches at once. Of several
    classes each is mistaken for another one, at a rate of its own.

    Parameters
    ----------
    y_true : torch.Tensor of shape (n, ...)
        Binary truth. Masks, (n, n_channels, height, width), with several channels
        have one class per pixel.
    n_candidates : int
        Number of candidates per example.
    rng : torch.Generator

    Returns
    -------
    candidates : torch.Tensor of shape (n_candidates, n, ...)
    """
    if y_true.ndim == 4 and y_true.shape[1] > 1:
        return _mistake_classes(y_true, n_candidates, rng)
    n, shape = len(y_true), (n_candidates, *y_true.shape)
    per_example = (n_candidates, n, *[1] * (y_true.ndim - 1))
    forget = torch.rand(per_example, generator=rng)
    invent = torch.rand(per_example, generator=rng)
    share = y_true.flatten(1).mean(1).clamp_min(1 / y_true[0].numel())
    odds = (share / (1 - share).clamp_min(share)).view(per_example[1:])
    rate = torch.where(
        y_true > 0.5,
        forget.to(y_true.device),
        invent.to(y_true.device) * odds,
    )
    draw = _smooth_uniforms if y_true.ndim == 4 else torch.rand
    flips = draw(shape, generator=rng).to(y_true.device) < rate
    flips[0] = False
    return torch.where(flips, 1 - y_true, y_true)


def _mistake_classes(y_true, n_candidates, rng):
    """`corrupt` for one class per pixel."""
    n, n_classes, *size = y_true.shape
    shape = (n_candidates, n, n_classes)
    rates = torch.rand(shape, generator=rng)
    shifts = torch.randint(1, n_classes, shape, generator=rng)
    classes = y_true.argmax(1).cpu().expand(n_candidates, n, *size).flatten(2)
    rate = rates.gather(2, classes).view(n_candidates, n, *size)
    mistaken = (classes + shifts.gather(2, classes)) % n_classes
    flips = _smooth_uniforms((n_candidates, n, *size), rng) < rate
    flips[0] = False
    found = torch.where(flips.flatten(2), mistaken, classes)
    outputs = torch.zeros(n_candidates, n, n_classes, found.shape[-1])
    outputs.scatter_(2, found.unsqueeze(2), 1.0)
    return outputs.view(n_candidates, *y_true.shape).to(y_true)


def _smooth_uniforms(shape, generator):
    """Random fields, uniform at each pixel, each with patches of a size of its own.

    What is wrong with a mask is wrong in patches, not pixel by pixel.
    """
    height, width = shape[-2:]
    n_fields = math.prod(shape[:-2])
    which = torch.randint(len(PATCHES), (n_fields,), generator=generator)
    fields = torch.empty(n_fields, height, width)
    for k, patch in enumerate(PATCHES):
        chosen = which == k
        coarse = (int(chosen.sum()), 1, height // patch + 1, width // patch + 1)
        field = torch.randn(coarse, generator=generator)
        if len(field):
            field = F.interpolate(field, size=(height, width), mode="bicubic")
            several = int(field[0, 0].numel() > 1)  # one pixel has no deviation
            spread = field.std((2, 3), correction=several, keepdim=True)
            field = field / spread.clamp_min(1e-6)
            fields[chosen] = field[:, 0]
    return torch.special.ndtr(fields).view(shape)


# Sides of the patches in which masks are wrong, in pixels.
PATCHES = (1, 2, 4, 8, 16)


# Temperatures below are as good as this one.
TINY = 1e-30


def stratified_log_weights(values, tau, n_strata):
    """Log weight of each candidate, up to a constant per example.

    Candidates are grouped by value into strata of width ``1 / n_strata``, and those of
    value 1, which are as good as the truth, into one more. A stratum
    weighs ``exp(mean value / tau)``, shared equally by its members (Norouzi et al.,
    2016; section 3.3 of Gygli et al., 2017), so that the many outputs of low value
    do not drown the few of high value.

    Parameters
    ----------
    values : torch.Tensor of shape (n_candidates, n)
        Oracle values in [0, 1].
    tau : float
        Temperature, positive.
    n_strata : int
        Number of strata.

    Returns
    -------
    log_weights : torch.Tensor of shape (n_candidates, n)
    """
    stratum = (values * n_strata).long().clamp(0, n_strata)
    totals = values.new_zeros(n_strata + 1, values.shape[1])
    counts = totals.scatter_add(0, stratum, torch.ones_like(values))
    totals = totals.scatter_add(0, stratum, values)
    members = counts.gather(0, stratum)
    means = totals.gather(0, stratum) / members
    return (means - means.amax(0)) / max(tau, TINY) - members.log()


def _draw(log_weights, rng):
    """One index along the first axis per column, by the Gumbel trick."""
    noise = torch.rand(log_weights.shape, generator=rng)
    gumbel = -torch.log(-torch.log(noise.clamp(1e-20, 1 - 1e-7)))
    return (log_weights + gumbel.to(log_weights.device)).argmax(0)
