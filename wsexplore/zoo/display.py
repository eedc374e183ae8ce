"""A zoo in a notebook."""

from html import escape

import numpy as np
import pandas as pd

from wsexplore.nets import Architecture

BINS = 40
SHOWN = ("epoch", "run", "test_accuracy")
"""Columns of which something is shown."""


def zoo_html(architecture: Architecture, table: pd.DataFrame, fingerprint: str) -> str:
    """Facts of a zoo and a histogram of its test accuracies, as HTML; of the table it takes the columns `SHOWN`."""
    epochs = sorted(int(epoch) for epoch in table["epoch"].unique())
    facts = {
        "architecture": f"{architecture.name} {architecture.config}",
        "networks": f"{len(table):,} of {architecture.layout.size:,} parameters, {table['run'].nunique():,} runs",
        "running statistics": f"{architecture.buffers.size:,} per network" if architecture.buffers.size else "none",
        "epochs": ", ".join(map(str, epochs[:8])) + ("…" if len(epochs) > 8 else ""),
        "fingerprint": fingerprint[:12],
    }
    if "test_accuracy" in table and len(table):
        accuracy = table["test_accuracy"]
        facts["test accuracy"] = f"{accuracy.mean():.3f} on average, {accuracy.min():.3f} to {accuracy.max():.3f}"
    rows = "".join(
        f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in facts.items()
    )
    return f"<b>Zoo</b><table>{rows}</table>{_histogram(table)}"


def _histogram(table: pd.DataFrame) -> str:
    if "test_accuracy" not in table or len(table) == 0:
        return ""
    counts, _ = np.histogram(table["test_accuracy"], bins=BINS, range=(0, 1))
    tallest = max(int(counts.max()), 1)
    bars = "".join(
        f"<rect x='{6 * place}' y='{40 - 36 * count / tallest:.1f}' width='5' height='{36 * count / tallest:.1f}' "
        "fill='#6a63e8'/>"
        for place, count in enumerate(counts)
    )
    return (
        f"<svg width='{6 * BINS}' height='54' role='img' aria-label='histogram of test accuracy'>{bars}"
        f"<text x='0' y='53' font-size='10' fill='gray'>0</text>"
        f"<text x='{6 * BINS}' y='53' font-size='10' fill='gray' text-anchor='end'>test accuracy 1</text></svg>"
    )
