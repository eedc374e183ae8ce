"""The symmetry spec of any module, found by following its axes through one forward pass.

The module is run once on an example, and every operation is watched (`torch.overrides.TorchFunctionMode`): it says
which axes move together, and a union-find joins them. Axes that reach the input, the output or an operation without a
rule are fixed, with the reason. What is left may be permuted or rescaled.

Watching covers more than `torch.fx` (whose proxies fail on loops over shapes, on recurrent and attention layers and on
most of other people's code) and `torch.export` (which takes seconds and cuts such layers into pieces). What it cannot
see is what the module would do with other values, so a module whose path depends on values is refused.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.utils.hooks import RemovableHandle

from wsexplore.symmetry.build import spec_from
from wsexplore.symmetry.contents import found_in, takes_no
from wsexplore.symmetry.spec import PermutationSpec
from wsexplore.symmetry.watch import Underneath, ValuesRead, Watcher


def symmetry_of(module: nn.Module, example_input: Tensor | tuple[Any, ...]) -> PermutationSpec:
    """The symmetry spec of `module`, traced through one forward pass in evaluation mode.

    It holds for every network of the same architecture: it depends on the shapes of parameters, buffers and inputs,
    not on their values. Buffers stay as they are, but for the running statistics of normalisation layers.

    Args:
        module: it is not changed.
        example_input: one batch, or several inputs as a tuple; their shapes matter, not their values.

    Raises:
        ValueError: the module does not take the example, has a layer without units, returns nothing that depends on
            the example or its parameters, or its path depends on values; or it is no module.
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"the symmetry of a torch.nn.Module is traced, got {type(module).__name__}")
    _check_parameters(module)
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    watcher = Watcher(module, inputs)
    training = [(part, part.training) for part in module.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), _uncompiled(), _layers_named(module, watcher):
            module.eval()
            with watcher, Underneath(watcher):
                outputs = module(*inputs)
    except ValuesRead:
        raise
    except (Exception, SystemExit) as error:  # a module raises what it likes when its input does not fit
        raise watcher.refused or _refused(module, watcher, error) from None
    finally:
        for part, mode in training:
            part.training = mode
    given = [axes for tensor in found_in(outputs) if (axes := watcher.known(tensor)) is not None]
    if not given:
        raise ValueError(f"{type(module).__name__} returns no tensor that depends on its input or its parameters")
    for axes in given:
        watcher.table.fix_numbered(axes)
        watcher.table.fix(axes, "output of the network")
    return spec_from(watcher.table)


def _check_parameters(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise ValueError(f"{name} has no shape yet; run the module on an input first")
        if not parameter.numel():
            raise ValueError(f"{name} has shape {tuple(parameter.shape)}: a layer without units has no symmetry")


def _refused(module: nn.Module, watcher: Watcher, error: BaseException) -> ValueError:
    return takes_no(module, error, f" in {watcher.layer}" if watcher.layer else "")


def _uncompiled() -> AbstractContextManager[Any]:
    """Compiled modules run as they were written."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


@contextmanager
def _layers_named(module: nn.Module, watcher: Watcher) -> Iterator[None]:
    """Tell the watcher which layer is running."""
    handles: list[RemovableHandle] = []
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue  # it takes no hooks
        handles.append(part.register_forward_pre_hook(_entering(watcher, name)))
        handles.append(part.register_forward_hook(lambda *_: watcher.leave()))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _entering(watcher: Watcher, name: str) -> Callable[..., None]:
    return lambda *_: watcher.enter(name)
