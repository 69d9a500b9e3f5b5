"""A pretended GPU on a CPU: tensors that say they are elsewhere, refuse to be mixed, and count what would wait.

Every operation is computed on the CPU, by a dispatch mode. It raises MixedDevicesError where tensors of both devices
meet (numbers and indices of the CPU excepted, as in torch) or a generator of the CPU draws for the device, and notes of
every operation that a GPU would be waited for, and of every copy to it, the line of unitdisc that asked. To C++ the
device is "meta": with "cuda" autograd would ask for a stream.

What it cannot stand for: cuDNN, cuBLAS, NCCL, Triton, and the order in which a GPU adds.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
import torch._dynamo  # the optimisers load it: with a stand-in in place it would keep that for good
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

import unitdisc
from unitdisc.decoders.sampling import batched as several
from unitdisc.encoders import image_batch_norm as normalisation
from unitdisc.training import checkpoints

DEVICE = torch.device("meta")
PACKAGE = f"{Path(unitdisc.__file__).parent}/"
ACROSS = {"_to_copy", "copy_", "_foreach_copy_", "_local_scalar_dense", "_pack_padded_sequence", "set_"}  # may mix
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}
WAITED_FOR = {
    "_local_scalar_dense",
    "_unique2",
    "bincount",
    "equal",
    "is_nonzero",
    "masked_select",
    "nonzero",
    "repeat_interleave",
    "unique_consecutive",
    "unique_dim",
}


class MixedDevicesError(RuntimeError):
    """What torch would raise of "tensors on different devices"."""


@dataclass
class Record:
    """What was asked of the device, by the line that asked, in order."""

    waits: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)  # to the device, that is

    def clear(self) -> None:
        self.waits.clear()
        self.copies.clear()


RECORD = Record()


class Elsewhere(Tensor):
    """A tensor of the device; what it holds is in `held`, on the CPU."""

    __slots__ = ("held",)
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor):
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "layout": held.layout}
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=DEVICE, **layout)
        made.held = held
        return made

    @property
    def is_cuda(self) -> bool:
        return True

    def tolist(self) -> list:
        return self.cpu().tolist()

    def numpy(self, **_: object) -> None:
        raise MixedDevicesError(f"numpy of a tensor of the device at {asked_by()}")

    def __repr__(self, **_: object) -> str:
        return f"Elsewhere({self.held!r})"

    def __deepcopy__(self, memo: dict) -> Tensor:
        copied = Elsewhere(self.held.detach().clone())
        return nn.Parameter(copied, self.requires_grad) if isinstance(self, nn.Parameter) else copied

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return computed(operation, args, kwargs or {})


class Pretending(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return computed(operation, args, kwargs or {})


def asked_by() -> str:
    """The innermost line of unitdisc that is being run."""
    frame = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return "?" if frame is None else f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_lineno}"


def computed(operation, args: tuple, kwargs: dict):
    """What the operation gives, where its device says; raises MixedDevicesError."""
    name = operation._schema.name.split("::")[1]
    tensors = [each for each in leaves((args, *kwargs.values())) if isinstance(each, Tensor)]
    there = [each for each in tensors if isinstance(each, Elsewhere)]
    here = [each for each in tensors if not isinstance(each, Elsewhere)]
    asked = kwargs.get("device")
    to_device, to_cpu = (asked is not None and torch.device(asked).type == kind for kind in (DEVICE.type, "cpu"))
    if there and here:
        refuse_mixed(name, args, here)
    generator = kwargs.get("generator")
    if generator is not None and (there or to_device):
        raise MixedDevicesError(f"{name}: a generator of the CPU draws for the device at {asked_by()}")
    note(name, args, there, here, to_device, to_cpu)
    own_args, own_kwargs = changed(args, held), {name: changed(value, held) for name, value in kwargs.items()}
    if asked is not None:
        own_kwargs["device"] = torch.device("cpu")
    found = operation(*own_args, **own_kwargs)
    if name == "_local_scalar_dense" or not (to_device or (there and not to_cpu)):
        return found
    if name == "_pack_padded_sequence":  # the sizes of its steps are always on the CPU
        return elsewhere(found[0], there), found[1]
    return changed(found, lambda each: elsewhere(each, there))


def leaves(things: Iterable) -> Iterator:
    """What is in lists and tuples: all that operations take, and ten times as fast as torch's pytree."""
    for thing in things:
        if isinstance(thing, list | tuple):
            yield from leaves(thing)
        else:
            yield thing


def changed(thing, change: Callable):
    """The same lists and tuples of what was changed."""
    if isinstance(thing, list | tuple):
        return type(thing)([changed(each, change) for each in thing])
    return change(thing)


def refuse_mixed(name: str, args: tuple, here: Sequence[Tensor]) -> None:
    if name in ACROSS or all(tensor.ndim == 0 for tensor in here):
        return
    if name in INDEXED:  # indices may come from the CPU
        values = [args[0], *args[2:3]]
        if all(isinstance(value, Elsewhere) or value.ndim == 0 for value in values):
            return
    raise MixedDevicesError(f"{name}: tensors of both devices at {asked_by()}: {[tuple(one.shape) for one in here]}")


def note(name: str, args: tuple, there: list, here: list, to_device: bool, to_cpu: bool) -> None:
    waited = bool(there) and (name in WAITED_FOR or to_cpu)
    if name in INDEXED and there:
        indices = [index for index in args[1] if isinstance(index, Tensor)]
        waited = any(index.dtype == torch.bool for index in indices)
        RECORD.copies.extend(asked_by() for index in indices if not isinstance(index, Elsewhere))
    if name == "copy_" and isinstance(args[0], Elsewhere) != isinstance(args[1], Elsewhere):
        (RECORD.copies if isinstance(args[0], Elsewhere) else RECORD.waits).append(asked_by())
    if waited:
        RECORD.waits.append(asked_by())
    if name == "_to_copy" and here and to_device:
        RECORD.copies.append(asked_by())


def held(thing):
    if isinstance(thing, Elsewhere):
        return thing.held
    return torch.device("cpu") if isinstance(thing, torch.device) and thing.type == DEVICE.type else thing


def elsewhere(thing, there: Sequence[Elsewhere]):
    """On the device; what was changed in place is what it was."""
    if not isinstance(thing, Tensor) or isinstance(thing, Elsewhere):
        return thing
    in_place = [own for own in there if own.held is thing]
    return in_place[0] if in_place else Elsewhere(thing)


@contextmanager
def pretended() -> Iterator[Record]:
    """The device is there: `.to("meta")` is to it. Gives what is asked of it."""
    RECORD.clear()
    with ExitStack() as stack:
        for target, name, stand_in in stand_ins():
            stack.enter_context(mock.patch.object(target, name, stand_in))
        stack.enter_context(Pretending())
        yield RECORD


def stand_ins() -> Iterator[tuple[object, str, object]]:
    """Of what does not go through the dispatcher, or not with tensors of a device of their own."""
    make, move, save, enabled = torch.tensor, nn.Module.to, checkpoints.save, torch.is_autocast_enabled

    def tensor(data, *args, device=None, **kwargs):
        made = make(data, *args, **kwargs)
        return made if device is None else made.to(device)

    def to(module, *args, **kwargs):
        """Parameters of another class lose their attributes on the way."""
        if torch.device(args[0] if args and not isinstance(args[0], torch.dtype) else "cpu").type != DEVICE.type:
            return move(module, *args, **kwargs)
        kept = {name: dict(weight.__dict__) for name, weight in module.named_parameters()}
        module._apply(lambda own: own.to(DEVICE))
        for name, weight in module.named_parameters():
            for key, value in kept[name].items():
                setattr(weight, key, value)
        return module

    class autocast(torch.autocast):  # noqa: N801
        def __init__(self, device_type, *args, **kwargs):
            super().__init__("cpu" if device_type == DEVICE.type else device_type, *args, **kwargs)

    yield torch, "tensor", tensor
    yield Tensor, "new_tensor", lambda own, data, **more: make(data, dtype=more.get("dtype", own.dtype)).to(own.device)
    yield torch, "inference_mode", lambda *_: torch.no_grad()
    yield torch, "autocast", autocast
    yield torch, "is_autocast_enabled", lambda kind="cpu": enabled("cpu" if kind == DEVICE.type else kind)
    yield nn.Module, "to", to
    yield checkpoints, "save", lambda folder, step, state: save(folder, step, pytree.tree_map(held_copy, dict(state)))
    yield several, "run_in_threads", lambda work, numbers, threads: [work(number) for number in numbers]
    yield normalisation, "total", lambda x, inside: (inside.flatten()[None] @ x.sum(2).flatten(0, 1))[0]


def held_copy(thing):
    return thing.held.clone() if isinstance(thing, Elsewhere) else thing


@contextmanager
def two_pretended_processes(seen: Counter) -> Iterator[None]:
    """The first of two processes over NCCL, the other of which has the same; counts the collectives in `seen`.

    Raises MixedDevicesError where NCCL is given a tensor of the CPU, or one that is not contiguous.
    """

    def check(tensor: Tensor, name: str) -> None:
        if not isinstance(tensor, Elsewhere) or not tensor.is_contiguous():
            raise MixedDevicesError(f"{name}: NCCL is given {tensor!r:.80} at {asked_by()}")
        seen[name] += 1

    def all_reduce(tensor, operation=None, group=None):
        check(tensor, "all_reduce")
        tensor.mul_(2)

    def all_gather(tensors, tensor, group=None):
        check(tensor, "all_gather")
        for place in tensors:
            check(place, "all_gather")
            place.copy_(tensor)

    stand_in = {
        "is_initialized": lambda: True,
        "get_world_size": lambda *_: 2,
        "get_rank": lambda *_: 0,
        "all_reduce": all_reduce,
        "all_gather": all_gather,
        "broadcast": lambda tensor, source, group=None: check(tensor, "broadcast"),
    }
    with ExitStack() as stack:
        for name, function in stand_in.items():
            stack.enter_context(mock.patch.object(dist, name, function))
        yield
