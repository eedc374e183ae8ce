import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Program
from verified import DOUBLE, in_double

from wsexplore.symmetry import shaken, symmetry_of


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), length=st.integers(2, 12))
def test_no_random_network_is_given_a_wrong_spec(seed, length):
    program = Program(seed, length)
    spec = symmetry_of(program, program.example)
    network = shaken(program, seed=seed).double()
    for rescale in (True, False):
        assert spec.verify(network, in_double(program.example), seed=seed, rescale=rescale) <= 100 * DOUBLE


def test_random_networks_have_symmetries_to_speak_of():
    specs = [symmetry_of(program, program.example) for program in (Program(seed, 6) for seed in range(10))]
    assert sum(bool(spec.groups) for spec in specs) >= 6
    assert sum(bool(spec.rescaling.classes) for spec in specs) >= 4
