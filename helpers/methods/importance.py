"""Which prompt tokens a response rests on: the importance of each for every response token.

Wu et al. (NAACL 2024), section 3; method.md, section 1. The importance of prompt token n for response
token m is the first-order drop of p(y_m) when the embedding of token n is zeroed,

    I[n, m] = dp(y_m | Z_m) / dE[x_n] . E[x_n].

Other estimates: `erasure` (zero the row; exact, N passes), `mean_erasure` (put the vocabulary's mean
embedding there), `integrated_gradients` (Sundararajan et al., 2017; zero baseline) and `fixed_norms`
(the scale of every norm held fixed, as layer-wise relevance propagation does: Ali et al., 2022;
Achtibat et al., 2024). The head's part of the gradient has a closed form, dp_m/dh_m = p_m (W[y_m] -
sum_v p(v) W[v]), so that one matrix product gives all M start vectors and the backbone alone is
differentiated. Logits, softmax and start vectors are in float32 even in 16 bits, and the size of each
gradient, which may be tiny, is multiplied in at the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from helpers.methods import memory as footprint
from helpers.methods import passes
from helpers.methods.erasure import erasure
from helpers.methods.errors import Mendable
from helpers.methods.weights import has_linear_softmax_head

METHODS = ("gradient", "erasure", "mean_erasure", "integrated_gradients", "fixed_norms")


def _probability_gradient(
    head: Float[Tensor, "vocab hidden"], hidden: Float[Tensor, "M hidden"], response: Tensor
) -> tuple[Float[Tensor, "M hidden"], Float[Tensor, " M"]]:
    """dp_m/dh_m of a linear head with softmax, for every m, as a direction and its size.

    The direction is W[y_m] - sum_v q_m(v) W[v], with q_m the distribution over all tokens but y_m; the
    size is p_m (1 - p_m), with 1 - p_m summed over the others, so that no digits cancel.
    """
    rows = range(len(response))
    others = passes.logits(head, hidden).softmax(-1)
    chosen = others[rows, response].clone()
    others[rows, response] = 0
    rest = others.sum(-1)
    others /= rest.clamp_min(torch.finfo(torch.float32).tiny)[:, None]
    parts = passes.in_parts(head)
    weights = others.split([len(part) for part in parts], dim=-1)
    mean = sum(weight @ part.float() for weight, part in zip(weights, parts, strict=True))
    return (head[response].float() - mean).to(hidden.dtype), chosen * rest


def _row_products(
    outputs: Float[Tensor, "M hidden"], starts: Tensor, inputs: Tensor, batch: int
) -> Iterator[tuple[slice, Float[Tensor, "rows positions hidden"]]]:
    """Vector-Jacobian products of `starts` in batches; a batch too large for memory is halved."""
    first, rows = 0, len(starts)
    while first < rows:
        block = slice(first, min(first + batch, rows))
        # Row m of `starts` belongs to row m of `outputs` alone.
        seeds = outputs.new_zeros(block.stop - first, *outputs.shape)
        seeds[range(len(seeds)), range(first, block.stop)] = starts[block]
        try:
            (gradient,) = torch.autograd.grad(
                outputs, inputs, seeds, retain_graph=True, is_grads_batched=True
            )
        except RuntimeError as error:
            full = isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
            if batch == 1 or not full:
                raise
            batch = max(1, batch // 2)
            continue
        yield block, gradient[:, 0]
        first = block.stop


def _stretches(n_prompt: int, rows: int) -> list[tuple[int, int]]:
    """Response tokens that are explained from one pass: all at once, or in stretches where that is less.

    Token m rests on the n_prompt + m positions before it alone; a stretch costs a pass of its own over
    the positions before its last token, and one backwards for each of its tokens.
    """

    def cost(ends: list[int]) -> int:
        starts = [0, *ends]
        return sum((1 + b - a) * (n_prompt - 1 + b) for a, b in zip(starts, ends, strict=False))

    cuts = ([round(rows * (i + 1) / n) for i in range(n)] for n in range(1, max(1, rows // 4) + 1))
    best = min(cuts, key=cost)
    return list(zip([0, *best], best, strict=False))


def _gradient(
    model: PreTrainedModel, embeddings: Tensor, response: Tensor, n_prompt: int, batch: int | str
) -> Float[Tensor, "M prompt hidden"]:
    """dp(y_m)/dE[x_n] for all m and n (rows of BOS included)."""
    found = []
    for first, end in _stretches(n_prompt, len(response)):
        inside = embeddings[:, : n_prompt - 1 + end]
        found.append(_rows_of_gradient(model, inside, response[first:end], n_prompt, batch))
    return torch.cat(found)


def _rows_of_gradient(
    model: PreTrainedModel, embeddings: Tensor, response: Tensor, n_prompt: int, batch: int | str
) -> Float[Tensor, "rows prompt hidden"]:
    """The same for the tokens that the last positions predict."""
    rows, inputs = len(response), embeddings.detach().requires_grad_(True)
    positions, device = embeddings.shape[1], embeddings.device
    room = footprint.has_room(model, positions, device)
    where = contextlib.nullcontext() if room else footprint.kept_in_main_memory(model)
    with torch.enable_grad(), where:
        if has_linear_softmax_head(model):
            hidden = passes.hidden_states(model, inputs)
            outputs = hidden[0, -rows:]
            head = model.get_output_embeddings().weight
            with torch.no_grad():
                starts, sizes = _probability_gradient(
                    head, outputs.detach().to(head.device), response
                )
            starts = starts.to(outputs.device)
        else:
            outputs = passes.log_probabilities(model, inputs, response)[0][:, None]
            starts, sizes = torch.ones_like(outputs), outputs.detach()[:, 0].exp()
    sizes = sizes.float().cpu()[:, None, None]
    if batch == "auto":
        batch = footprint.rows_at_once(model, positions, rows, device)
    gradient = torch.empty(rows, n_prompt, embeddings.shape[-1])
    for block, product in _row_products(outputs, starts, inputs, int(batch)):
        gradient[block] = product[:, :n_prompt].float().cpu() * sizes[block]
    return gradient


def _path(steps: int) -> tuple[Tensor, Tensor]:
    """Factors on the prompt and their weights (midpoint rule) between zero, the baseline, and one.

    A norm hides the scale of its input until that is almost zero, and all may change there: the first
    tenth of the way gets a quarter of the steps, which grow from the baseline as the eighth power.
    """
    corner, near = 0.1, max(1, steps // 4)
    u = (torch.arange(near) + 0.5) / near
    v = (torch.arange(steps - near) + 0.5) / (steps - near)
    factors = torch.cat([corner * u**8, corner + (1 - corner) * v])
    weights = torch.cat([corner * 8 * u**7 / near, torch.full_like(v, (1 - corner) / len(v))])
    return factors, weights


def _along(
    model, embeddings, response, n_prompt, batch, first, path: tuple[Tensor, Tensor]
) -> Float[Tensor, "prompt M"]:
    """Gradient times embedding, summed over factors on the prompt; BOS and the response stay."""
    total = torch.zeros(n_prompt, len(response))
    for factor, weight in zip(*path, strict=True):
        scaled = embeddings.clone()
        scaled[:, first:n_prompt] *= factor.to(scaled)
        gradient = _gradient(model, scaled, response, n_prompt, batch)
        product = torch.einsum("mnh,nh->nm", gradient, embeddings[0, :n_prompt].float().cpu())
        total += weight * product
    return total


@contextlib.contextmanager
def _norms_held(model: PreTrainedModel) -> Iterator[None]:
    """Every norm multiplies by its scale as if that were a constant: values stay, gradients change."""

    def hold(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        shift = getattr(module, "bias", None)
        shift = 0 if shift is None else shift
        centred = given[0]
        if isinstance(module, nn.LayerNorm):
            centred = centred - centred.mean(-1, keepdim=True)
        scale = ((output - shift) / torch.where(centred == 0, 1, centred)).detach()
        return centred * scale + shift

    norms = [one for one in model.modules() if "Norm" in type(one).__name__]
    hooks = [one.register_forward_hook(hold) for one in norms]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def importance(
    model: PreTrainedModel,
    prompt_ids: passes.Ids,
    response_ids: passes.Ids,
    *,
    method: str = "gradient",
    batch_rows: int | str = "auto",
    steps: int = 128,
) -> Float[Tensor, "prompt response"]:
    """Importance of every prompt token for every response token, float32 on the CPU.

    `prompt_ids` as the tokenizer gives them: a leading BOS is part of the context and gets no row.
    Positive: the response token would be less likely without the prompt token. Units: probability.
    `batch_rows`: response tokens (prompt tokens for erasure) in one product; "auto" fits the memory.
    `steps`: points on the path of integrated gradients.
    """
    if method not in METHODS:
        raise Mendable(f"method={method!r} is unknown: use one of {', '.join(METHODS)}.")
    if batch_rows != "auto" and (not isinstance(batch_rows, int) or batch_rows < 1):
        raise Mendable(f"batch_rows={batch_rows!r}: give a positive whole number or 'auto'.")
    if steps < 2:
        raise Mendable(f"steps={steps!r}: integrated gradients need two points or more.")
    if method.endswith("erasure"):
        filler = "mean" if method == "mean_erasure" else "zero"
        result = erasure(model, prompt_ids, response_ids, batch_rows=batch_rows, filler=filler)
    else:
        prompt, response, skipped = passes.start(model, prompt_ids, response_ids)
        path = _path(steps) if method == "integrated_gradients" else (torch.ones(1), torch.ones(1))
        held = _norms_held(model) if method == "fixed_norms" else contextlib.nullcontext()
        with passes.frozen(model), held:
            rows = passes.embed(model, prompt, response)
            found = _along(model, rows, response, len(prompt), batch_rows, skipped, path)
        result = found[skipped:]
    if not torch.isfinite(result).all():
        raise Mendable(
            "model gives NaN or infinite importance: its weights are damaged or overflow in "
            f"{model.dtype}; load them again, in float32."
        )
    return result
