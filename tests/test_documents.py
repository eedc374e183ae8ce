import contextlib
import io
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HOME = Path(__file__).resolve().parents[1]


def test_the_python_example_of_the_readme_prints_what_the_readme_says():
    readme = (HOME / "README.md").read_text()
    code, expected = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", readme, re.DOTALL).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "readme"})
    assert printed.getvalue() == expected


@pytest.mark.filterwarnings("ignore")
def test_the_tour_runs_from_top_to_bottom():
    notebook = nbformat.read(HOME / "examples" / "tour.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(HOME)}}).execute()
    shown = [
        output["data"]["text/html"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    assert any("<svg" in html and "Zoo" in html for html in shown)
    assert any("Barrier" in html for html in shown)
    assert any("<svg" in html and "networks classify" in html for html in shown)


def test_the_tour_has_ten_cells_and_no_stored_output():
    notebook = nbformat.read(HOME / "examples" / "tour.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) == 10
    assert all(not cell.outputs for cell in code)


def test_requirements_are_the_dependencies_of_the_project():
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    requirements = (HOME / "requirements.txt").read_text().split()
    assert requirements == project["dependencies"]
    every = requirements + [line for extra in project["optional-dependencies"].values() for line in extra]
    assert all(re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[0-9.]+(post\d+)?", line) for line in every)


def test_what_ships_stays_below_forty_megabytes():
    sizes = [file.stat().st_size for file in (HOME / "data").rglob("*") if file.is_file()]
    assert 0 < sum(sizes) < 40e6


def test_the_pictures_of_the_readme_exist():
    readme = (HOME / "README.md").read_text()
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", readme)
    assert len(pictures) == 5
    for picture in pictures:
        assert (HOME / picture).is_file()
