"""Curvature of the loss at one network: the spectrum of its Hessian, the loss along eigenvectors, and the trace."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.figures.theme import CATEGORIES, FAINT, FIRST, LINE, SECOND, SYMBOLS, clear, layout, plain

APART = 0.13
"""Distance of labelled eigenvalues, as a share of the range; those between say what they are when pointed at."""

BELOW, ABOVE = SECOND, FIRST
"""Colours of eigenvalues below and above 0."""

DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def spectrum_figure(
    positions: Float[Array, " positions"],
    density: Float[Array, " positions"],
    eigenvalues: Float[Array, " eigenvalues"],
    *,
    errors: Float[Array, " positions"] | None = None,
    bounds: Float[Array, " eigenvalues"] | None = None,
    smallest: float | None = None,
    unit: str = "nats",
    height: int = 380,
) -> go.Figure:
    """The density of eigenvalues on a logarithmic axis, the leading ones and the smallest marked.

    What lies below a tenth of the density of a single leading eigenvalue is not drawn.

    Args:
        positions: eigenvalues, evenly spaced.
        density: there, as a share of all eigenvalues per unit.
        eigenvalues: the largest, falling.
        errors: standard error of the density, drawn as a band.
        bounds: of the largest eigenvalues.
        smallest: the smallest eigenvalue.
        unit: of the eigenvalues.
        height: in pixels.
    """
    unit, figure = plain(unit), go.Figure()
    at = np.interp(eigenvalues, positions, density)
    floor = 0.1 * float(at[at > 0].min()) if (at > 0).any() else 1e-6 * float(density.max())
    drawn = np.maximum(density, floor)
    if errors is not None:
        _add_band(figure, positions, np.maximum(density - errors, floor), np.maximum(density + errors, floor), FAINT)
    hover = f"eigenvalue %{{x:.4g}} {unit}<br>density %{{y:.3g}}<extra>%{{fullData.name}}</extra>"
    for name, colour, inside in (("below 0", BELOW, positions <= 0), ("above 0", ABOVE, positions >= 0)):
        if not (inside & (density > floor)).any():
            continue
        figure.add_scatter(
            x=positions[inside],
            y=drawn[inside],
            mode="lines",
            name=name,
            line={"color": colour, "width": 2},
            fill="tozeroy",
            fillcolor=clear(colour, 0.3),
            hovertemplate=hover,
        )
    within = np.full(len(eigenvalues), np.nan) if bounds is None else bounds
    figure.add_scatter(
        x=eigenvalues,
        y=np.maximum(at, floor),
        mode="markers+text",
        name="largest",
        text=_labels(eigenvalues, float(positions[-1] - positions[0])),
        textposition="top center",
        cliponaxis=False,
        marker={"color": ABOVE, "symbol": "diamond", "size": 10},
        customdata=np.stack([np.arange(1, len(eigenvalues) + 1), within], axis=1),
        hovertemplate=_hover(unit, known=bounds is not None),
    )
    if smallest is not None:
        figure.add_scatter(
            x=[smallest],
            y=[max(float(np.interp(smallest, positions, density)), floor)],
            mode="markers",
            name=f"smallest, {smallest:.3g}",
            marker={"color": BELOW, "symbol": "triangle-left", "size": 11},
            hovertemplate=f"smallest eigenvalue<br>%{{x:.6g}} {unit}<extra></extra>",
        )
    top = float(np.log10(drawn.max()))
    low = float(np.log10(floor))
    figure.add_vline(x=0, line={"color": LINE, "width": 1, "dash": "dot"})
    figure.update_xaxes(title=f"eigenvalue ({unit})", zeroline=False)
    figure.update_yaxes(
        title="density of eigenvalues (log)",
        type="log",
        range=[low, top + 0.12 * (top - low)],
        exponentformat="power",
        dtick=1,
    )
    return layout(figure, height=height, hovermode="closest")


def profiles_figure(
    distances: Sequence[Float[Array, " points"]],
    losses: Sequence[Float[Array, " points"]],
    quadratics: Sequence[Float[Array, " points"]],
    curvatures: Sequence[float],
    *,
    unit: str = "nats",
    height: int = 380,
) -> go.Figure:
    """The loss along leading eigenvectors, solid, beside what the first two derivatives say of it, dotted.

    Args:
        distances: along each direction, 0 at the network, in the unit of the weights.
        losses: at these distances.
        quadratics: the quadratic model there.
        curvatures: the eigenvalue of each direction.
        unit: of the loss.
        height: in pixels.
    """
    unit, figure = plain(unit), go.Figure()
    for rank, (x, loss, model, value) in enumerate(zip(distances, losses, quadratics, curvatures, strict=True), 1):
        colour = CATEGORIES[(rank - 1) % len(CATEGORIES)]
        name = f"along eigenvector {rank}, {_name(rank)} {value:.3g}"
        figure.add_scatter(
            x=x,
            y=loss,
            mode="lines+markers",
            name=name,
            legendgroup=name,
            line={"color": colour, "width": 3},
            marker={"symbol": SYMBOLS[(rank - 1) % len(SYMBOLS)], "size": 6, "maxdisplayed": 11},
            customdata=model[:, None],
            hovertemplate=f"<b>{name}</b><br>distance %{{x:.3g}}<br>loss %{{y:.4g}} {unit}<br>"
            f"quadratic model %{{customdata[0]:.4g}} {unit}<extra></extra>",
        )
        figure.add_scatter(
            x=x,
            y=model,
            mode="lines",
            legendgroup=name,
            line={"color": colour, "width": 1.5, "dash": "dot"},
            showlegend=False,
            hoverinfo="skip",
        )
    dots = {"color": LINE, "width": 1.5, "dash": "dot"}
    figure.add_scatter(x=[None], y=[None], mode="lines", name="quadratic model", line=dots)
    figure.update_xaxes(title="distance in weight space", zeroline=False)
    figure.update_yaxes(title=f"loss ({unit})", zeroline=False)
    figure.add_vline(x=0, line={"color": LINE, "width": 1, "dash": "dot"})
    return layout(figure, height=height)


def trace_figure(estimates: Float[Array, " probes"], *, unit: str = "nats", height: int = 320) -> go.Figure:
    """The running mean of the estimates of a trace with its standard error as a band, by random vector.

    Args:
        estimates: what each random vector says, in the order they were drawn.
        unit: of the trace.
        height: in pixels.
    """
    unit, figure = plain(unit), go.Figure()
    count = np.arange(1, len(estimates) + 1)
    mean = np.cumsum(estimates) / count
    errors = np.array([np.std(estimates[:k], ddof=1) / np.sqrt(k) if k > 1 else np.nan for k in count])
    known = count > 1
    _add_band(figure, count[known], (mean - errors)[known], (mean + errors)[known], clear(FIRST, 0.3))
    figure.add_scatter(
        x=count,
        y=estimates,
        mode="markers",
        name="one random vector",
        marker={"color": LINE, "size": 5},
        hovertemplate=f"random vector %{{x}}<br>%{{y:.4g}} {unit}<extra></extra>",
    )
    figure.add_scatter(
        x=count,
        y=mean,
        mode="lines",
        name="mean so far ± standard error",
        line={"color": FIRST, "width": 3},
        customdata=errors[:, None],
        hovertemplate=f"after %{{x}} random vectors<br>trace %{{y:.4g}} ± %{{customdata[0]:.2g}} {unit}<extra></extra>",
    )
    figure.update_xaxes(title="random vectors", zeroline=False)
    figure.update_yaxes(title=f"trace ({unit})", zeroline=False)
    return layout(figure, height=height)


def spectrum_finding(
    eigenvalues: Float[Array, " eigenvalues"],
    smallest: float,
    trace: float,
    trace_error: float,
    negative_share: float,
    *,
    unit: str = "nats",
) -> str:
    """What the spectrum shows, in one sentence: its alt text."""
    leading = ", ".join(f"{value:.3g}" for value in eigenvalues[:3])
    end = (
        f"{negative_share:.0%} of the eigenvalues are clearly below 0, the smallest is {smallest:.3g}"
        if smallest < 0
        else f"none is below 0, the smallest is {smallest:.3g}"
    )
    return f"Largest eigenvalues {leading} {unit}; {end}; their sum is {trace:.3g} ± {trace_error:.2g} {unit}"


def _add_band(figure: go.Figure, x: Array, low: Array, high: Array, colour: str) -> None:
    """The area between two curves."""
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=colour,
        hoverinfo="skip",
        showlegend=False,
    )


def _hover(unit: str, *, known: bool) -> str:
    bound = f"<br>within %{{customdata[1]:.1g}} {unit}" if known else ""
    return f"eigenvalue %{{customdata[0]:.0f}}<br>%{{x:.6g}} {unit}{bound}<extra></extra>"


def _labels(eigenvalues: Float[Array, " eigenvalues"], width: float) -> list[str]:
    """A label for each eigenvalue that is far enough below the last one that has one."""
    labels, last = list[str](), float("inf")
    for rank, value in enumerate(eigenvalues, 1):
        clear_of = last - value > APART * width
        labels.append(f"{_name(rank)} {value:.3g}" if clear_of else "")
        last = float(value) if clear_of else last
    return labels


def _name(rank: int) -> str:
    return "λ" + str(rank).translate(DIGITS)
