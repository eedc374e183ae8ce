"""A flow while it is fitted, and the fits of several flows beside each other."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from wsexplore.figures.theme import ALIGNED, CATEGORIES, FRESH, LINE, SYMBOLS, layout, plain
from wsexplore.generate import FitStep

DASHES = ("solid", "dash", "dot", "dashdot")
LOSSES = (("loss", "trained on", ALIGNED), ("held_out_loss", "kept out", FRESH))
LEVELS = {"zoo": (CATEGORIES[4], "dash"), "gaussian": (CATEGORIES[1], "dot")}


def losses_figure(history: Sequence[FitStep], *, steps: int | None = None, height: int = 330) -> go.Figure:
    """The loss by optimiser step, on the networks trained on and on those kept out, with the best check in a ring.

    Args:
        history: the checks so far.
        steps: end of the axis, so that it stands still while the curves grow.
        height: in pixels.
    """
    figure = go.Figure()
    for place, (field, name, colour) in enumerate(LOSSES):
        if any(getattr(one, field) is not None for one in history):
            _add_line(figure, history, field, name, colour, place, "loss %{y:.4f}")
    best = best_check(history)
    if best is not None and best.held_out_loss is not None:
        figure.add_scatter(
            x=[best.step],
            y=[best.held_out_loss],
            mode="markers",
            marker={"symbol": "circle-open", "size": 15, "color": FRESH, "line": {"width": 2}},
            name="best, and kept",
            hovertemplate="step %{x:,}: the lowest held-out loss<extra></extra>",
        )
    _steps_axis(figure, steps)
    figure.update_yaxes(title="loss (1: no velocity at all)")
    return layout(figure, height=height)


def accuracies_figure(
    history: Sequence[FitStep], levels: Mapping[str, float], *, steps: int | None = None, height: int = 330
) -> go.Figure:
    """Mean test accuracy of samples by optimiser step, beside the levels that it is measured against.

    Args:
        history: the checks so far; those without an accuracy are left out.
        levels: mean accuracy of the "zoo" and of its "gaussian", as far as they are known.
        steps: end of the axis.
        height: in pixels.
    """
    figure = go.Figure()
    last = steps or max((one.step for one in history), default=1)
    for name, value in levels.items():
        colour, dash = LEVELS[name]
        title = {"zoo": "the zoo", "gaussian": "its Gaussian"}[name]
        figure.add_scatter(
            x=[0, last],
            y=[value, value],
            mode="lines",
            line={"color": colour, "dash": dash},
            name=f"{title}, {value:.1%}",
            hovertemplate=f"{title}: %{{y:.1%}}<extra></extra>",
        )
    told = [one for one in history if one.accuracy is not None]
    if told:
        _add_line(figure, told, "accuracy", "samples", FRESH, 0, "accuracy %{y:.1%}")
    _steps_axis(figure, steps)
    figure.update_yaxes(title="test accuracy", tickformat=".0%", rangemode="normal")
    return layout(figure, height=height)


def dispersion_figure(history: Sequence[FitStep], *, steps: int | None = None, height: int = 330) -> go.Figure:
    """Spread of samples over the spread of the zoo by optimiser step; at the dotted line, 1, both are the same."""
    figure = go.Figure()
    figure.add_hline(y=1, line={"color": LINE, "dash": "dot"})
    _add_line(figure, history, "dispersion", "samples", ALIGNED, 0, "dispersion %{y:.3f}")
    figure.update_traces(showlegend=False)
    _steps_axis(figure, steps)
    values = [one.dispersion for one in history] or [1.0]
    figure.update_yaxes(title="spread over the zoo's", range=[min(0.85, *values, 1) - 0.03, max(1.15, *values)])
    return layout(figure, height=height)


def fits_figure(histories: Mapping[str, Sequence[FitStep]], *, height: int = 420) -> go.Figure:
    """Held-out loss and accuracy of samples by optimiser step, a colour and a mark for every flow.

    Losses of flows of one kind compare; another kind measures them in other coordinates.
    """
    figure = make_subplots(rows=1, cols=2, subplot_titles=("held-out loss", "accuracy of samples"))
    for place, (name, history) in enumerate(histories.items()):
        colour = CATEGORIES[place % len(CATEGORIES)]
        for column, (field, form) in enumerate((("held_out_loss", ".4f"), ("accuracy", ".1%")), 1):
            told = [one for one in history if getattr(one, field) is not None]
            figure.add_scatter(
                x=[one.step for one in told],
                y=[getattr(one, field) for one in told],
                mode="lines+markers",
                line={"color": colour, "dash": DASHES[place % len(DASHES)]},
                marker={"symbol": SYMBOLS[place % len(SYMBOLS)]},
                name=plain(name),
                legendgroup=name,
                showlegend=column == 1,
                hovertemplate=f"<b>{plain(name)}</b><br>step %{{x:,}}: %{{y:{form}}}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(title="step", rangemode="tozero")
    figure.update_yaxes(tickformat=".0%", row=1, col=2)
    layout(figure, height=height).update_layout(margin={"t": 64}, legend={"y": 1.1})
    return figure


def flows_figure(frame: pd.DataFrame, *, height: int | None = None) -> go.Figure:
    """Mean accuracy of each flow's samples, joined to that of the networks it was fitted on.

    Args:
        frame: a row for each flow with `flow`, `accuracy` and `zoo_accuracy`; flows without an accuracy are left out.
        height: in pixels; by default one that fits the number of flows.
    """
    told = frame[frame["accuracy"].notna()]
    names = [plain(name) for name in told["flow"]]
    gaps: list[float | None] = []
    for accuracy, zoo in zip(told["accuracy"], told["zoo_accuracy"], strict=True):
        gaps += [accuracy, zoo, None]
    figure = go.Figure()
    figure.add_scatter(
        x=gaps,
        y=[name for name in names for _ in range(3)],
        mode="lines",
        line={"color": LINE, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    for column, title, symbol, colour in (
        ("zoo_accuracy", "its networks", "line-ns-open", CATEGORIES[4]),
        ("accuracy", "samples", SYMBOLS[1], FRESH),
    ):
        figure.add_scatter(
            x=told[column],
            y=names,
            mode="markers",
            marker={"symbol": symbol, "size": 14, "color": colour, "line": {"width": 2, "color": colour}},
            name=title,
            hovertemplate=f"<b>%{{y}}</b><br>{title}: %{{x:.1%}}<extra></extra>",
        )
    figure.update_xaxes(title="test accuracy", tickformat=".1%")
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", ticklabelstandoff=6)
    return layout(figure, height=height or 130 + 34 * len(names))


def best_check(history: Sequence[FitStep]) -> FitStep | None:
    """The check whose network a flow keeps: of the lowest held-out loss, or the last; nothing before the first."""
    told = [one for one in history if one.held_out_loss is not None]
    if told:
        return min(told, key=lambda one: one.held_out_loss or 0.0)
    return history[-1] if history else None


def fit_finding(history: Sequence[FitStep], levels: Mapping[str, float]) -> str:
    """What a fit has come to, in one sentence."""
    best = best_check(history)
    if best is None:
        return "Nothing has been measured yet"
    loss = f"loss {best.loss:.3f}" if best.held_out_loss is None else f"held-out loss {best.held_out_loss:.3f}"
    told = [f"{loss} at step {best.step:,}", f"dispersion {best.dispersion:.2f}"]
    if best.accuracy is not None:
        against = {"zoo": "the zoo's {:.1%}", "gaussian": "its Gaussian's {:.1%}"}
        beside = " and ".join(against[name].format(value) for name, value in levels.items())
        told.append(f"samples at {best.accuracy:.1%}" + (f" beside {beside}" if beside else ""))
    return ", ".join(told)[:1].upper() + ", ".join(told)[1:]


def _add_line(
    figure: go.Figure, history: Sequence[FitStep], field: str, name: str, colour: str, place: int, card: str
) -> None:
    told = [one for one in history if getattr(one, field) is not None]
    figure.add_scatter(
        x=[one.step for one in told],
        y=[getattr(one, field) for one in told],
        mode="lines+markers",
        line={"color": colour, "dash": DASHES[place]},
        marker={"symbol": SYMBOLS[place]},
        name=name,
        hovertemplate=f"step %{{x:,}}<br>{card} {name}<extra></extra>",
    )


def _steps_axis(figure: go.Figure, steps: int | None) -> None:
    figure.update_xaxes(title="step", **({"range": [0, 1.03 * steps]} if steps else {"rangemode": "tozero"}))
