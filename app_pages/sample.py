"""Sample: new networks from a flow over weights, judged before they are shown."""

import numpy as np
import streamlit as st

from app_pages.draw import Drawn, draw_networks, draw_settings
from app_pages.drawn import drawn_fields
from app_pages.frame import recipe, sentence, show
from app_pages.handles import open_flow, open_projection, open_zoo, source_of
from app_pages.keep import take_along
from app_pages.maps import ensure_maps
from app_pages.pick import current_flow
from app_pages.work import result_of
from wsexplore.datasets import dataset
from wsexplore.figures import filters_figure, placed_figure, quality_figure, unit_images

st.title("Can we draw a network that nobody trained?")
st.caption(
    "A flow over weights turns noise into the weights of a network. Each sample is tested and compared with every "
    "network it could have copied, and with three controls that know nothing of networks, before you see it."
)
name = current_flow()
with sentence():
    flow, home = open_flow(name), source_of(name)
    source = open_zoo(home)
ensure_maps(home, source)
st.sidebar.caption(f"fitted on {flow.networks:,} networks of {source.architecture.layout.size:,} weights")

settings = draw_settings()
if source.architecture.task == "field":
    with sentence():
        drawn_fields(name, home, settings)
    st.stop()
drawn: Drawn = result_of(
    f"draw {flow.fingerprint} {source.fingerprint} {settings}",
    f"Drawing {settings.count:,} networks",
    lambda progress: draw_networks(flow, home, source, settings, progress),
)
fresh, report = drawn.zoo, drawn.report
rows = report.frame.set_index("generator")
cells = st.columns(4)
cells[0].metric(
    "Mean test accuracy",
    f"{rows.mean_accuracy['flow']:.1%}",
    f"{100 * (rows.mean_accuracy['flow'] - rows.mean_accuracy['zoo']):+.1f} points against the zoo",
)
cells[1].metric("Best", f"{rows.best_accuracy['flow']:.1%}", help="Test accuracy of the best sample.")
cells[2].metric(
    "Novelty",
    f"{rows.novelty['flow']:.2f}",
    help="Median distance to the nearest network of the zoo, over the zoo's own. 1 is as new as a trained network.",
)
cells[3].metric("Time to draw", f"{drawn.seconds:.1f} s", help=f"For {settings.count} networks, here.")
st.markdown(f"**Verdict.** {report.verdict}")

left, right = st.columns([1.15, 1])
with left:
    st.subheader("Where they fall")
    projection = open_projection(home, "pca", "aligned")
    share = projection.variance
    show(
        placed_figure(
            drawn.fitted,
            drawn.points,
            drawn.nearest,
            fresh.table["test_accuracy"].to_numpy(),
            fresh.table["id"].tolist(),
            labels=(f"PC 1 ({share[0]:.0%} of variance)", f"PC 2 ({share[1]:.0%} of variance)"),
            height=430,
        ),
        key="placed",
        alt=f"{settings.count} new networks among {len(drawn.fitted):,} trained ones, each joined to its nearest",
        table=report.per_sample,
    )
with right:
    st.subheader("Against the controls")
    show(
        quality_figure(report.frame, height=430),
        key="quality",
        table=report.frame,
        alt=f"Accuracy and novelty: flow {rows.mean_accuracy['flow']:.3f} at {rows.novelty['flow']:.2f}, Gaussian "
        f"{rows.mean_accuracy['gaussian']:.3f} at {rows.novelty['gaussian']:.2f}",
    )
st.dataframe(
    report.frame,
    hide_index=True,
    key="controls",
    column_order=[column for column in report.frame if column != "own_distance"],
    column_config={
        column: st.column_config.NumberColumn(column.replace("_", " "), format="%.3f")
        for column in report.frame.select_dtypes("float")
    },
)

st.subheader("What they look at")
shape = dataset(str(fresh.table["dataset"].iloc[0])).input_shape
first = fresh.architecture.layout.slots[0]
best = np.argsort(-fresh.table["test_accuracy"].to_numpy(), kind="stable")[:3]
pictures = {
    f"{fresh.table['id'].iloc[row]}: {fresh.table['test_accuracy'].iloc[row]:.1%}": (
        unit_images(fresh.weights[row, first.start : first.stop].view(first.shape[0], -1).numpy(), first.shape, shape)
    )
    for row in best
}
show(
    filters_figure(pictures),
    key="drawn-units",
    table=report.per_sample.iloc[best],
    alt="First-layer weights of the best samples",
)
recipe(fresh.recipe)
take_along(fresh, f"{name}-drawn-{settings.seed}")
