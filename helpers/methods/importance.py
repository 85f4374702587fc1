"""Which prompt tokens a response rests on: the importance of each for every response token.

Wu et al. (NAACL 2024), section 3; method.md, section 1. The importance of prompt token n for response
token m is the first-order drop of p(y_m) when the embedding of token n is zeroed,

    I[n, m] = dp(y_m | Z_m) / dE[x_n] . E[x_n].

Three estimates of it: `gradient` (the one above), `erasure` (zero the row; exact, N passes) and
`integrated_gradients` (Sundararajan et al., 2017; zero baseline). The gradient is cheap because the
head's part has a closed form, dp_m/dh_m = p_m (W[y_m] - sum_v p(v) W[v]), so that all M start
vectors come from one matrix product and the backbone alone is differentiated, towards the
embeddings, many response tokens in one batched vector-Jacobian product. In 16 bits only the backbone
is: logits, softmax and start vectors are in float32, and the size of each gradient, which is tiny
where a token is nearly sure or most unlikely, is multiplied in at the end.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from helpers.methods import memory as footprint
from helpers.methods.density import BadInput
from helpers.methods.weights import backbone, has_linear_softmax_head

Ids = Sequence[int] | Tensor


METHODS = ("gradient", "erasure", "integrated_gradients")


def _as_ids(model: PreTrainedModel, ids: Ids, name: str) -> Tensor:
    tensor = torch.as_tensor(ids, dtype=torch.long).flatten()
    known = model.config.vocab_size
    outside = tensor[(tensor < 0) | (tensor >= known)]
    if len(outside):
        raise BadInput(
            f"{name} holds the id {int(outside[0])}, but the model knows {known} tokens: use the "
            "tokenizer that belongs to this model."
        )
    return tensor


def _check(model: PreTrainedModel, prompt: Tensor, response: Tensor, skipped: int) -> None:
    if prompt.numel() - skipped < 1:
        raise BadInput("prompt_ids has no token (beside BOS): give a prompt of one token or more.")
    if response.numel() < 1:
        raise BadInput("response_ids is empty: give a response of one token or more.")
    longest = getattr(model.config, "max_position_embeddings", None)
    total = prompt.numel() + response.numel() - 1
    if longest is not None and total > longest:
        raise BadInput(
            f"prompt_ids and response_ids take {total} positions, the model has {longest}: shorten "
            "the prompt or the response."
        )


@contextlib.contextmanager
def _differentiable(model: PreTrainedModel) -> Iterator[None]:
    """Evaluation mode, frozen parameters and plain (batchable) attention, put back afterwards."""
    training = model.training
    trainable = [p for p in model.parameters() if p.requires_grad]
    attention = model.config._attn_implementation
    model.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    if attention != "eager":
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if attention != "eager":
            model.set_attn_implementation(attention)
        for parameter in trainable:
            parameter.requires_grad_(True)
        model.train(training)


def _hidden(model: PreTrainedModel, embeddings: Tensor) -> Tensor:
    """Last hidden states, after the final norm: (batch, positions, hidden)."""
    return backbone(model)(inputs_embeds=embeddings, use_cache=False).last_hidden_state


def _log_probabilities(model: PreTrainedModel, embeddings: Tensor, response: Tensor) -> Tensor:
    """log p(y_m | Z_m) for the last M positions, through the model's own head: (batch, M)."""
    rows = range(len(response))
    if has_linear_softmax_head(model):
        head = model.get_output_embeddings().weight
        hidden = _hidden(model, embeddings)[:, -len(response) :].to(head.device)
        return _logits(head, hidden).log_softmax(-1)[:, rows, response]
    output = model(inputs_embeds=embeddings, use_cache=False, logits_to_keep=len(response))
    return output.logits.float().log_softmax(-1)[:, rows, response]


def _in_parts(head: Float[Tensor, "vocab hidden"]) -> tuple[Tensor, ...]:
    """The head in parts that become float32 one at a time: whole it could take gigabytes."""
    return head.split(len(head) if head.dtype == torch.float32 else 4096)


def _logits(head: Float[Tensor, "vocab hidden"], hidden: Float[Tensor, "... hidden"]) -> Tensor:
    return torch.cat([hidden.float() @ part.float().T for part in _in_parts(head)], dim=-1)


def _probability_gradient(
    head: Float[Tensor, "vocab hidden"], hidden: Float[Tensor, "M hidden"], response: Tensor
) -> tuple[Float[Tensor, "M hidden"], Float[Tensor, " M"]]:
    """dp_m/dh_m of a linear head with softmax, for every m, as a direction and its size.

    The direction is W[y_m] - sum_v q_m(v) W[v], with q_m the distribution over all tokens but y_m; the
    size is p_m (1 - p_m), with 1 - p_m summed over the others, so that no digits cancel.
    """
    rows = range(len(response))
    others = _logits(head, hidden).softmax(-1)
    chosen = others[rows, response].clone()
    others[rows, response] = 0
    rest = others.sum(-1)
    others /= rest.clamp_min(torch.finfo(torch.float32).tiny)[:, None]
    parts = _in_parts(head)
    weights = others.split([len(part) for part in parts], dim=-1)
    mean = sum(weight @ part.float() for weight, part in zip(weights, parts, strict=True))
    return (head[response].float() - mean).to(hidden.dtype), chosen * rest


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in text


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
            if batch == 1 or not _is_out_of_memory(error):
                raise
            batch = max(1, batch // 2)
            continue
        yield block, gradient[:, 0]
        first = block.stop


def _embeddings(model: PreTrainedModel, prompt: Tensor, response: Tensor) -> Tensor:
    """Rows that enter the model for [prompt; response without its last token]: (1, T, hidden)."""
    device = model.get_input_embeddings().weight.device
    with torch.no_grad():
        return model.get_input_embeddings()(torch.cat([prompt, response[:-1]])[None].to(device))


def _gradient(
    model: PreTrainedModel, embeddings: Tensor, response: Tensor, n_prompt: int, batch: int | str
) -> Float[Tensor, "M prompt hidden"]:
    """dp(y_m)/dE[x_n] for all m and n (rows of BOS included)."""
    rows, inputs = len(response), embeddings.detach().requires_grad_(True)
    positions, device = embeddings.shape[1], embeddings.device
    room = footprint.has_room(model, positions, device)
    where = contextlib.nullcontext() if room else footprint.kept_in_main_memory(model)
    with torch.enable_grad(), where:
        if has_linear_softmax_head(model):
            hidden = _hidden(model, inputs)
            outputs = hidden[0, n_prompt - 1 :]
            head = model.get_output_embeddings().weight
            with torch.no_grad():
                starts, sizes = _probability_gradient(
                    head, outputs.detach().to(head.device), response
                )
            starts = starts.to(outputs.device)
        else:
            outputs = _log_probabilities(model, inputs, response)[0][:, None]
            starts, sizes = torch.ones_like(outputs), outputs.detach()[:, 0].exp()
    sizes = sizes.float().cpu()[:, None, None]
    if batch == "auto":
        batch = footprint.rows_at_once(model, positions, rows, device)
    gradient = torch.empty(rows, n_prompt, embeddings.shape[-1])
    for block, product in _row_products(outputs, starts, inputs, int(batch)):
        gradient[block] = product[:, :n_prompt].float().cpu() * sizes[block]
    return gradient


def _by_gradient(model, embeddings, response, n_prompt, batch, first) -> Float[Tensor, "prompt M"]:
    gradient = _gradient(model, embeddings, response, n_prompt, batch)
    return torch.einsum("mnh,nh->nm", gradient, embeddings[0, :n_prompt].float().cpu())


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


def _by_integration(
    model, embeddings, response, n_prompt, batch, first, steps: int = 128
) -> Float[Tensor, "prompt M"]:
    """Integrated gradients from a zero prompt; BOS and the response's embeddings stay."""
    total = torch.zeros(n_prompt, len(response))
    for factor, weight in zip(*_path(steps), strict=True):
        scaled = embeddings.clone()
        scaled[:, first:n_prompt] *= factor.to(scaled)
        gradient = _gradient(model, scaled, response, n_prompt, batch)
        product = torch.einsum("mnh,nh->nm", gradient, embeddings[0, :n_prompt].float().cpu())
        total += weight * product
    return total


@torch.no_grad()
def _scaled(
    model, embeddings: Tensor, response: Tensor, factors: Tensor, batch: int | str
) -> Float[Tensor, "variants M"]:
    """p(y_m) with the rows of the prompt multiplied by the factors of each variant, batched."""
    if batch == "auto":
        batch = footprint.rows_at_once(model, embeddings.shape[1], len(factors), embeddings.device)
    found = []
    for block in factors.to(embeddings).split(int(batch)):
        rows = embeddings.repeat(len(block), 1, 1)
        rows[:, : block.shape[1]] *= block[..., None]
        found.append(_log_probabilities(model, rows, response).exp().cpu())
    return torch.cat(found)


def _by_erasure(model, embeddings, response, n_prompt, batch, first) -> Float[Tensor, "prompt M"]:
    """p(y_m | Z_m) - p(y_m | Z_m with row n zero), one forward pass a row, batched."""
    none, each = torch.ones(1, n_prompt), 1 - torch.eye(n_prompt)
    whole = _scaled(model, embeddings, response, none, batch)
    return whole - _scaled(model, embeddings, response, each, batch)


_ESTIMATES: dict[str, Callable[..., Tensor]] = {
    "gradient": _by_gradient,
    "erasure": _by_erasure,
    "integrated_gradients": _by_integration,
}


def _start(model, prompt_ids: Ids, response_ids: Ids) -> tuple[Tensor, Tensor, int]:
    """Checked ids of prompt and response, and how many rows (a leading BOS) are no row of I."""
    prompt = _as_ids(model, prompt_ids, "prompt_ids")
    response = _as_ids(model, response_ids, "response_ids")
    bos = getattr(model.config, "bos_token_id", None)
    skipped = int(prompt.numel() > 0 and bos is not None and int(prompt[0]) == bos)
    _check(model, prompt, response, skipped)
    return prompt, response, skipped


def scaled_probabilities(
    model: PreTrainedModel,
    prompt_ids: Ids,
    response_ids: Ids,
    factors: Float[Tensor, "variants columns"],
    *,
    batch_rows: int | str = "auto",
) -> Float[Tensor, "variants response"]:
    """p(y_m | Z_m) of every response token with each prompt token's embedding times a factor.

    A factor of zero erases the token, one leaves it. `factors` has a column for every prompt token but
    a leading BOS, which is left as it is, or one column for all of them.
    """
    prompt, response, skipped = _start(model, prompt_ids, response_ids)
    factors = torch.as_tensor(factors, dtype=torch.float32)
    wanted = len(prompt) - skipped
    if factors.ndim != 2 or factors.shape[1] not in (1, wanted):
        raise BadInput(f"factors has shape {tuple(factors.shape)}: give {wanted} columns, or one.")
    factors = factors.expand(-1, wanted)
    factors = torch.nn.functional.pad(factors, (skipped, 0), value=1.0)
    with _differentiable(model):
        return _scaled(model, _embeddings(model, prompt, response), response, factors, batch_rows)


def importance(
    model: PreTrainedModel,
    prompt_ids: Ids,
    response_ids: Ids,
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
        raise BadInput(f"method={method!r} is unknown: use one of {', '.join(METHODS)}.")
    if batch_rows != "auto" and (not isinstance(batch_rows, int) or batch_rows < 1):
        raise BadInput(f"batch_rows={batch_rows!r}: give a positive whole number or 'auto'.")
    if steps < 2:
        raise BadInput(f"steps={steps!r}: integrated gradients need two points or more.")
    prompt, response, skipped = _start(model, prompt_ids, response_ids)
    with _differentiable(model):
        embeddings = _embeddings(model, prompt, response)
        estimate = _ESTIMATES[method]
        if method == "integrated_gradients":
            estimate = functools.partial(estimate, steps=steps)
        result = estimate(model, embeddings, response, len(prompt), batch_rows, skipped)[skipped:]
    if not torch.isfinite(result).all():
        raise BadInput(
            "model gives NaN or infinite importance: its weights are damaged or overflow in "
            f"{model.dtype}; load them again, in float32."
        )
    return result
