"""The controls of the Atlas."""

from dataclasses import dataclass

import streamlit as st

from app_pages.encoders import encoders_of
from app_pages.link import check_link
from app_pages.maps import TITLES
from app_pages.trusted import target_of
from wsexplore.embed import EMBEDDINGS, METHODS
from wsexplore.zoo import Zoo

ERROR = "prediction error"
RASTERS = {"off": "Off", "count": "Count", "mean": "Mean"}


@dataclass(frozen=True, slots=True)
class View:
    """What the controls ask for.

    Attributes:
        name: of the zoo.
        embedding: one of `EMBEDDINGS`.
        method: "pca", "umap" or "tsne".
        dims: 2 or 3.
        colour: a column, or `ERROR`.
        where: the filter.
        raster: one of `RASTERS`.
        paths: whether runs are joined.
        beside: whether the function space is drawn beside the map.
        encoder: name of the one whose latents are laid out; empty for other embeddings.
    """

    name: str
    embedding: str
    method: str
    dims: int
    colour: str
    where: str
    raster: str
    paths: bool
    beside: bool
    encoder: str


def controls(name: str, zoo: Zoo, most: int) -> View:
    """Draw the controls; zoos of more than `most` networks start with a raster."""
    known = encoders_of(zoo)
    offered = [one for one in EMBEDDINGS if one != "encoder" or known]
    check_link("frame", offered, "weights")
    check_link("method", list(TITLES.values()), "map")
    check_link("dims", ["2-D", "3-D"], "map in")
    left, middle, right, last = st.columns([1.9, 1.15, 0.75, 1.4])
    embedding = left.segmented_control(
        "Embedding",
        offered,
        default="aligned",
        required=True,
        key="frame",
        bind="query-params",
        help="What is laid out. Raw: the weights as trained. Aligned: hidden units permuted to match one reference "
        "network; the functions are the same. Statistics: mean, spread and quantiles of every parameter. Function: the "
        "answers on 64 inputs, whatever the weights. Encoder: the mean latents of an encoder.",
    )
    encoder = ""
    if embedding == "encoder":
        check_link("encoder", known, "encoder")
        encoder = left.selectbox(
            "Encoder",
            known,
            key="encoder",
            bind="query-params",
            help="Whose latents are laid out; encoders that were fitted to this very zoo come first.",
        )
    method = middle.segmented_control(
        "Map",
        METHODS,
        default="pca",
        required=True,
        key="method",
        bind="query-params",
        format_func=TITLES.__getitem__,
        help="PCA keeps distances along a few directions; UMAP and t-SNE keep neighbours. t-SNE is made when it is "
        "asked for, of at most 4,000 networks, and cannot place further ones.",
    )
    dims = right.segmented_control(
        "Dimensions",
        (2, 3),
        default=2,
        required=True,
        key="dims",
        bind="query-params",
        format_func=lambda count: f"{count}-D",
        help="A lasso needs a plane: select in 2-D, then turn the same networks in 3-D.",
    )
    columns = [column for column in zoo.columns if column != "id"]
    options = [*columns, ERROR] if target_of(columns) else columns
    check_link("colour", options, "column")
    start = next((columns.index(known) for known in ("test_accuracy", "label") if known in columns), 0)
    target = (target_of(columns) or "").replace("_", " ")
    colour = last.selectbox(
        "Colour",
        options,
        index=start,
        key="colour",
        bind="query-params",
        help="Any column of the zoo's table but the id"
        + (
            f", or how far a linear prediction of {target} from the embedding is off: learnt from other runs only, "
            "predicted minus true."
            if target
            else "."
        ),
    )
    left, middle, right = st.columns([2.2, 1.6, 1.4], vertical_alignment="bottom")
    where = left.text_input(
        "Filter",
        key="where",
        bind="query-params",
        placeholder="epoch = 30 and test_accuracy > 0.9",
        help=f"An SQL predicate over the columns: {', '.join(zoo.columns)}.",
    )
    check_link("raster", list(RASTERS.values()), "raster")
    raster = middle.segmented_control(
        "Raster",
        list(RASTERS),
        default="count" if len(zoo) > most else "off",
        required=True,
        key="raster",
        bind="query-params",
        format_func=RASTERS.__getitem__,
        help="Counts every network that meets the filter under the drawn points, on a logarithmic scale, or colours "
        "each cell by its mean of the column.",
    )
    with right.container(horizontal=True):
        paths = st.toggle(
            "Trajectories", value=True, key="paths", bind="query-params", help="Join each run's checkpoints."
        )
        beside = st.toggle(
            "Function space",
            key="beside",
            bind="query-params",
            help="A second map beside the first, of what the networks answer. The selection stands out on both.",
        )
    return View(name, embedding, method, dims, colour, where.strip(), raster, paths, beside, encoder)
