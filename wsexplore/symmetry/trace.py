"""The permutation spec of any module, found by following its axes through one forward pass.

Every axis of every tensor is a node; an operation says which axes move together, and a union-find joins them. Axes that
reach the input, the output or an operation without a rule are fixed, with the reason. What is left is permutable.
"""

import torch
from torch import Tensor, fx, nn

from wsexplore.symmetry.axes import Axes, AxisTable
from wsexplore.symmetry.rules import RULES, STATISTICS, Ruled
from wsexplore.symmetry.spec import PermutationSpec


def symmetry_of(module: nn.Module, example_input: Tensor) -> PermutationSpec:
    """The permutation spec of `module`, traced with `torch.fx`.

    Args:
        module: it is not changed.
        example_input: one batch; only its shape matters.

    Raises:
        ValueError: the module cannot be traced, for example because its forward pass depends on values.
    """
    try:
        graph = fx.symbolic_trace(module)
    except Exception as error:  # fx raises whatever the module's own forward raises on a proxy
        raise ValueError(f"{type(module).__name__} cannot be traced: {error}") from None
    tracer = _Tracer(graph)
    training = module.training
    graph.eval()
    try:
        with torch.no_grad():
            tracer.run(example_input)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{type(module).__name__} does not take inputs like the example: {reason}") from None
    finally:
        graph.train(training)
    return tracer.axes.spec()


class _Tracer(fx.Interpreter):
    """Runs the module and notes, beside every value, what its axes are."""

    def __init__(self, graph: fx.GraphModule):
        super().__init__(graph)
        parameters = {name: tuple(p.shape) for name, p in graph.named_parameters(remove_duplicate=False)}
        statistics = {n: tuple(b.shape) for n, b in graph.named_buffers() if n.rpartition(".")[2] in STATISTICS}
        self.axes = AxisTable({**parameters, **statistics}, frozenset(statistics))
        self.known: dict[fx.Node, Axes] = {}

    def run_node(self, n: fx.Node) -> object:
        """The value of a node, its axes noted on the way."""
        value = super().run_node(n)
        shape = tuple(value.shape) if isinstance(value, Tensor) else ()
        inputs = [self.known[source] for source in n.all_input_nodes if source in self.known]
        if n.op == "placeholder":
            self.known[n] = self.axes.fresh(shape, "input of the network")
        elif n.op == "output":
            for axes in inputs:
                self.axes.fix(axes, "output of the network")
        elif n.op == "get_attr":
            known = self.axes.parameters.get(str(n.target))
            self.known[n] = known if known is not None else self.axes.fresh(shape, "constant")
        else:
            module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
            operation = type(module) if module is not None else n.target
            rule = RULES.get(operation)
            result = rule(self.axes, Ruled(str(n.target), module, inputs, shape)) if rule else None
            if result is None:
                name = getattr(operation, "__name__", str(operation))
                for axes in inputs:
                    self.axes.fix(axes, f"{name} has no rule")
                for parameter, axes in self.axes.parameters.items():
                    if module is not None and parameter.startswith(f"{n.target}."):
                        self.axes.fix(axes, f"{name} has no rule")
                result = self.axes.fresh(shape, f"{name} has no rule")
            self.known[n] = result
        return value
