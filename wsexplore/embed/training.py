"""Train an autoencoder of tokens: reconstruction and contrast."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from wsexplore.embed.autoencoder import Autoencoder
from wsexplore.embed.config import EncoderConfig
from wsexplore.embed.tokenizer import Tokenizer
from wsexplore.population import OnStep

CHECKS = 20
"""How often, over the whole training, the held-out loss is measured."""
ORDERS = 64
"""Random orders of the units that the second views of one stretch between two checks are drawn from."""
FAR = 5.0
"""Standard deviations at which a fact is cut."""
JUDGED = 256
"""Networks that a check reads at most, of each architecture."""


@dataclass(frozen=True, slots=True)
class EncoderStep:
    """What was measured at one point of the training.

    Attributes:
        step: optimiser steps done.
        loss: mean squared error of the standardised weights since the last check, padding left out; 1 is what the
            mean of every layer gives.
        contrast: mean contrastive loss since the last check, in nats.
        held_out_loss: the error on networks kept out of the training; `None` without such networks.
        told: mean squared error of what the mean latent tells since the last check; 0 where it tells nothing.
        held_out_told: the same on networks kept out.
    """

    step: int
    loss: float
    contrast: float
    held_out_loss: float | None
    told: float = 0.0
    held_out_told: float | None = None

    @property
    def judged(self) -> float:
        """The error of reconstruction on the networks that count: those kept out, where there are any."""
        return self.loss if self.held_out_loss is None else self.held_out_loss

    @property
    def whole(self) -> float:
        """The loss by which the best state is chosen."""
        return self.judged + (self.told if self.held_out_told is None else self.held_out_told)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Standardised weights of one architecture to train on.

    Attributes:
        tokenizer: how they are read.
        train: standardised weights, with a last column of zeros that padding is read from.
        held_out: the same of networks that are kept out.
        facts: what the mean latent of each network trained on is to tell, of variance 1 at most; may have no columns.
        held_out_facts: the same of those kept out.
    """

    tokenizer: Tokenizer
    train: Float[Tensor, "models padded"]
    held_out: Float[Tensor, "others padded"]
    facts: Float[Tensor, "models facts"]
    held_out_facts: Float[Tensor, "others facts"]

    @classmethod
    def of(cls, tokenizer: Tokenizer, weights: Tensor, facts: Tensor, kept_out: Bool[Tensor, " models"]) -> "Source":
        """Both parts, standardised and padded."""
        standard = F.pad((weights - tokenizer.mean) / tokenizer.spread, (0, 1))
        known = facts.clamp(-FAR, FAR)
        return cls(tokenizer, standard[~kept_out], standard[kept_out], known[~kept_out], known[kept_out])

    def to(self, device: torch.device) -> "Source":
        """The same on `device`."""
        held = (self.train, self.held_out, self.facts, self.held_out_facts)
        return Source(self.tokenizer.to(device), *(part.to(device) for part in held))


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained autoencoder.

    Attributes:
        network: its state at the check with the lowest loss, on the CPU.
        tellers: for each architecture the linear map from a mean latent to the facts, likewise.
        history: every check.
        stopped: why the training ended early; empty if it did not.
    """

    network: Autoencoder
    tellers: nn.ModuleList
    history: tuple[EncoderStep, ...]
    stopped: str


def train_autoencoder(
    sources: Sequence[Source],
    config: EncoderConfig,
    *,
    seed: int,
    on_step: OnStep | None = None,
    on_check: Callable[[EncoderStep, Autoencoder, nn.ModuleList], None] | None = None,
) -> Trained:
    """Both losses on windows of tokens, each batch from one architecture in proportion to its networks.

    The first view of a network has its units in the given order, the second in a random one; both are multiplied
    with noise, and both are to be reconstructed without it (SANE, sections 3.2 and 3.3; Adam with one cycle).

    Raises:
        ValueError: the loss is not finite before the first check.
    """
    generator = torch.Generator().manual_seed(seed)
    device = sources[0].train.device
    network = Autoencoder(config, sources[0].tokenizer.tokens.size, _places(sources), seed=seed).to(device)
    tellers = _tellers(sources, config, seed).to(device)
    learned = [*network.parameters(), *tellers.parameters()]
    matrices, vectors = [p for p in learned if p.dim() > 1], [p for p in learned if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        config.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=config.steps + 1)
    shares = torch.tensor([float(len(source.train)) for source in sources])
    every = max(1, config.steps // CHECKS)
    history: list[EncoderStep] = []
    learnt = nn.ModuleList([network, tellers])
    best, sums, orders = copy.deepcopy(learnt.state_dict()), torch.zeros(3), []
    for step in range(1, config.steps + 1):
        if (step - 1) % every == 0:
            orders = [_orders(source, seed + step) for source in sources]
        chosen = int(torch.multinomial(shares, 1, generator=generator))
        batch = _Batch.draw(sources[chosen], orders[chosen], config, generator)
        error, contrast, told = losses(network, tellers[chosen], batch, config)
        optimiser.zero_grad()
        torch.autograd.backward((1 - config.contrast) * error + config.contrast * contrast + config.telling * told)
        torch.nn.utils.clip_grad_norm_(learned, config.clip)
        optimiser.step()
        schedule.step()
        sums += torch.stack([error.detach(), contrast.detach(), told.detach()]).cpu()
        if not math.isfinite(float(sums.sum())):
            return _stopped(learnt, best, history, step)
        if step % every == 0 or step == config.steps:
            mean = sums / (step - (history[-1].step if history else 0))
            error_out, told_out = _held_out(network, tellers, sources, config)
            record = EncoderStep(step, float(mean[0]), float(mean[1]), error_out, float(mean[2]), told_out)
            if not history or record.whole < min(one.whole for one in history):
                best = copy.deepcopy(learnt.state_dict())
            history.append(record)
            sums = torch.zeros(3)
            if on_check is not None:
                on_check(record, network, tellers)
        if on_step is not None:
            on_step(step / config.steps, _message(step, config.steps, history))
    learnt.load_state_dict(best)
    return Trained(network.cpu(), tellers.cpu(), tuple(history), "")


def losses(
    network: Autoencoder, teller: nn.Module, batch: "_Batch", config: EncoderConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Error over the entries that are no padding, contrastive loss of the two views in nats, and error of the facts."""
    latents = network.encode(batch.noisy, batch.position)
    errors = (network.decode(latents, batch.position) - batch.clean).square() * batch.mask
    error = errors.sum() / (len(batch.clean) * batch.mask.sum())
    nothing = torch.zeros((), device=latents.device)
    contrast = normalized_cross_entropy(network.project(latents), config.temperature) if config.contrast else nothing
    told = F.mse_loss(teller(latents.mean(1)), batch.facts) if batch.facts.shape[1] and config.telling else nothing
    return error, contrast, told


def normalized_cross_entropy(views: Float[Tensor, "views width"], temperature: float) -> Float[Tensor, ""]:
    """NT-Xent (Chen et al. 2020, eq. 1): row i and row i + n/2 of n are two views of one network."""
    unit = F.normalize(views, dim=1)
    likeness = (unit @ unit.T / temperature).fill_diagonal_(-math.inf)
    half = len(views) // 2
    partner = torch.arange(len(views), device=views.device).roll(half)
    return F.cross_entropy(likeness, partner)


@torch.no_grad()
def _held_out(
    network: Autoencoder, tellers: nn.ModuleList, sources: Sequence[Source], config: EncoderConfig
) -> tuple[float | None, float | None]:
    """Both errors on held-out networks, without noise, each architecture alike."""
    found = []
    for source, teller in zip(sources, tellers, strict=True):
        if not len(source.held_out):
            continue
        tokens, some, facts = source.tokenizer.tokens, source.held_out[:JUDGED], source.held_out_facts[:JUDGED]
        length = config.length(tokens.count)
        start = (tokens.count - length) // 2
        window = slice(start, start + length)
        clean, mask, position = some[:, tokens.gather[window]], tokens.mask[window], tokens.position[window]
        error, _, told = losses(network, teller, _Batch(clean, clean, mask, position, facts), _without_contrast(config))
        found.append((float(error), float(told)))
    if not found:
        return None, None
    errors, tolds = zip(*found, strict=True)
    return sum(errors) / len(errors), sum(tolds) / len(tolds)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Windows of two views of the same networks, one view after the other."""

    clean: Tensor
    noisy: Tensor
    mask: Tensor
    position: Tensor
    facts: Tensor

    @classmethod
    def draw(cls, source: Source, orders: Tensor, config: EncoderConfig, generator: torch.Generator) -> "_Batch":
        tokens, device = source.tokenizer.tokens, source.train.device
        rows = torch.randint(len(source.train), (config.batch,), generator=generator).to(device)
        length = config.length(tokens.count)
        start = int(torch.randint(tokens.count - length + 1, (1,), generator=generator))
        window = slice(start, start + length)
        places = tokens.gather[window]
        first = source.train[rows][:, places]
        if config.permute:
            drawn = torch.randint(len(orders), (config.batch,), generator=generator).to(device)
            second = source.train[rows[:, None, None], orders[drawn][:, places]]
        else:
            second = first
        clean = torch.cat([first, second])
        factors = 1 + config.noise * torch.randn(clean.shape, generator=generator).to(device)
        facts = source.facts[rows].repeat(2, 1)
        return cls(clean, clean * factors, tokens.mask[window], tokens.position[window], facts)


def _tellers(sources: Sequence[Source], config: EncoderConfig, seed: int) -> nn.ModuleList:
    """For each architecture the linear map from a mean latent to the facts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        facts = [source.facts.shape[1] for source in sources]
        return nn.ModuleList([nn.Linear(config.latent, count) if count else nn.Identity() for count in facts])


def _without_contrast(config: EncoderConfig) -> EncoderConfig:
    return replace(config, contrast=0.0)


def _orders(source: Source, seed: int) -> Int[Tensor, "orders padded"]:
    """Random orders of the units, as places in the padded weights."""
    parameters = source.tokenizer.tokens.parameters
    count = max(2, min(ORDERS, (256 << 20) // (8 * parameters)))
    return F.pad(source.tokenizer.orders(count, seed), (0, 1), value=parameters).to(source.train.device)


def _places(sources: Sequence[Source]) -> tuple[int, int, int]:
    most = torch.stack([source.tokenizer.tokens.position.amax(0).cpu() for source in sources]).amax(0) + 1
    return int(most[0]), int(most[1]), int(most[2])


def _stopped(learnt: nn.ModuleList, best: dict[str, Tensor], history: list[EncoderStep], step: int) -> Trained:
    """The last good state of a training that diverged."""
    if not history:
        raise ValueError("the training diverged: its loss is not finite; choose a smaller learning_rate")
    learnt.load_state_dict(best)
    network, tellers = learnt.cpu()
    assert isinstance(network, Autoencoder)
    assert isinstance(tellers, nn.ModuleList)
    kept = min(history, key=lambda one: one.whole).step
    return Trained(network, tellers, tuple(history), f"the loss was not finite at step {step:,}; kept step {kept:,}")


def _message(step: int, steps: int, history: list[EncoderStep]) -> str:
    done = f"step {step:,} of {steps:,}"
    return f"{done}: error {history[-1].judged:.3f}" if history else done
