"""Machines of a Ray cluster: joining or starting one, which of them fit a run, and how many workers each takes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.engines.worker import PROJECT, NodeFacts, node_facts
from eval.errors import EngineError
from eval.installed import install
from eval.readers.malformed import first_line

_log = logging.getLogger(__name__)

CHECK_S = 120.0
"""Seconds within which a machine has to answer."""
CPUS_A_WORKER = 4
"""Processors of a worker without a GPU, where the settings name no number."""
_STORE_BYTES = 200_000_000
"""Memory of a started cluster for objects on their way; predictions are small."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # without a GPU of its own a worker sees none
    # Its messages about workers that died go to the standard output, which is the result's; ours are told instead.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
}
"""Variables for Ray; some are read when it is imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of the cluster."""

    id: str
    name: str
    """Its address, and for several on one address part of its id."""
    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A worker's place."""

    node: Node
    name: str
    """Unique in the run."""
    cpus: float
    gpus: float


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Join the cluster at an address, or start one on this machine; leave or end it at the end.

    A connection that is there already is used, and stays.

    Raises:
        EngineError: ray is not installed, or the cluster cannot be reached or joined.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise EngineError(f"engine=ray needs the package ray: {install('ray')}.") from None
    if ray.is_initialized():
        yield
        return
    if address is not None:
        _refuse_unreachable(address)
    options: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    logging.getLogger("ray").setLevel(logging.ERROR)
    with _undisturbed():
        try:
            ray.init(
                address="local" if address is None else address,
                log_to_driver=False,
                configure_logging=False,
                **(options if address is None else {}),
            )
        except Exception as error:  # Ray raises all kinds of exceptions
            raise EngineError(_not_connected(address, first_line(error).rstrip("."))) from error
    try:
        yield
    finally:
        ray.shutdown()


def _not_connected(address: str | None, said: str) -> str:
    if address is None:
        return f"No cluster can be started on this machine: {said}. Is there room in its folder for temporary files?"
    token = "" if "RAY_AUTH_MODE" in os.environ else " Where it was started with a token, set RAY_AUTH_MODE=token."
    return (
        f"engine.address={address} cannot be joined: {said}.{token} Start a cluster by `ray start --head`, name it as "
        "host:port, or leave the address out to use this machine alone."
    )


def _refuse_unreachable(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not port.isdigit() or "/" in host:
        raise EngineError(f"engine.address={address} is not an address; give host:port.")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"engine.address={address} cannot be reached: {error}. Start the cluster (ray start --head), or leave the "
            "address out to use this machine alone."
        ) from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep our signal handlers, and keep the user's folder from the module paths of workers.

    Ray puts the working folder before all else there: a folder `eval` in it would hide this package.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    here = Path.cwd()
    os.chdir(PROJECT)
    try:
        yield
    finally:
        os.chdir(here)
        if main:
            signal.signal(signal.SIGTERM, handler)


def nodes() -> list[Node]:
    """Return the machines that are up, this one first."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    listed: Any = ray.nodes
    alive = [each for each in listed() if each["Alive"]]
    addresses = [each["NodeManagerAddress"] for each in alive]
    found = []
    for each in sorted(alive, key=lambda node: (node["NodeID"] != here, node["NodeManagerAddress"], node["NodeID"])):
        address, resources = each["NodeManagerAddress"], each["Resources"]
        name = address if addresses.count(address) == 1 else f"{address}/{each['NodeID'][:6]}"
        found.append(Node(id=each["NodeID"], name=name, cpus=resources.get("CPU", 0.0), gpus=resources.get("GPU", 0.0)))
    return found


def fitting(found: Sequence[Node], media: Sequence[Path]) -> list[Node]:
    """Return the machines that have this machine's code and versions and see the media; name the others.

    Raises EngineError where none is left.
    """
    here = node_facts(media)
    if here.unseen:
        raise EngineError(f"{here.unseen[0]} is not there.")
    said = {node.name: reason for node, reason in zip(found, _reasons(found, here, media), strict=True)}
    for name, reason in said.items():
        if reason:
            _log.warning(f"{name} is left out: {reason}.")
    left = [node for node in found if not said[node.name]]
    if not left:
        raise EngineError(f"No machine of the cluster can be used: {'; '.join(f'{n}: {r}' for n, r in said.items())}.")
    return left


def _reasons(found: Sequence[Node], here: NodeFacts, media: Sequence[Path]) -> list[str]:
    import ray

    asked = ray.remote(node_facts)
    refs = [asked.options(num_cpus=0, scheduling_strategy=pinned(node)).remote(media) for node in found]
    ray.wait(refs, num_returns=len(refs), timeout=CHECK_S)
    return [_reason(ref, here) for ref in refs]


def _reason(ref: Any, here: NodeFacts) -> str:
    import ray

    try:
        return difference(here, ray.get(ref, timeout=0.1))
    except ray.exceptions.GetTimeoutError:
        return f"it did not answer within {CHECK_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever keeps it from answering keeps it from working
        cause = getattr(error, "cause", None) or error
        return f"it cannot run tarsier-eval ({first_line(cause, kind=True)})"


def difference(here: NodeFacts, there: NodeFacts) -> str:
    """Return what keeps another machine out of a run; "" where nothing does."""
    if there.python != here.python:
        return f"it has Python {there.python}, this machine has {here.python}"
    if there.code != here.code:
        return f"its code of tarsier-eval differs (hash {there.code}, here {here.code})"
    for name, version in here.libraries.items():
        if there.libraries.get(name) != version:
            return f"it has {name} {there.libraries.get(name, '(none)')}, this machine has {version}"
    return f"it does not see {there.unseen[0]}" if there.unseen else ""


def pinned(node: Node) -> Any:
    """Return the strategy that keeps a task or worker on a machine."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)


def slots(
    found: Sequence[Node], *, workers: int | None, gpus_per_worker: float | None, cpus_per_worker: float | None
) -> list[Slot]:
    """Return the places of a run's workers, spread evenly over the machines.

    Args:
        found: the machines.
        workers: number of workers; None: as many as there is room for.
        gpus_per_worker: GPUs of each; None: one, where the cluster has any.
        cpus_per_worker: processors of each; None: an even share of its machine's, with GPUs; without, 4 at most.

    Raises:
        EngineError: there is no GPU, or no room for so many.
    """
    gpus = (1.0 if any(node.gpus for node in found) else 0.0) if gpus_per_worker is None else gpus_per_worker
    if gpus > 1 and gpus != int(gpus):
        raise EngineError(f"engine.gpus_per_worker={gpus:g}: give a whole number of GPUs, or a share below 1.")
    if gpus and not any(node.gpus for node in found):
        raise EngineError(
            f"engine.gpus_per_worker={gpus:g}, and no machine of the cluster has a GPU; leave it out, or give 0."
        )
    room = {node.id: _room(node, gpus, cpus_per_worker, workers) for node in found}
    total = sum(room.values())
    wanted = total if workers is None else workers
    if not total or wanted > total:
        each = [f"gpus_per_worker={gpus:g}"] if gpus else []
        each += [f"cpus_per_worker={cpus_per_worker or 1:g}"] if cpus_per_worker or not gpus else []
        there = f"{sum(node.gpus for node in found):g} GPUs and {sum(node.cpus for node in found):g} processors"
        raise EngineError(
            f"With {' and '.join(each)} there is room for {total} workers on {there}, and not for {max(wanted, 1)}; "
            "give fewer engine.workers, or less for each."
        )
    taken = dict.fromkeys(room, 0)
    for _ in range(wanted):
        freest = max(room, key=lambda name: room[name] - taken[name])
        taken[freest] += 1
    return [
        Slot(
            node=node,
            name=f"{node.name} {n + 1}" if len(found) > 1 else f"worker {n + 1}",
            cpus=cpus_per_worker or max(node.cpus // taken[node.id], min(1.0, node.cpus / taken[node.id])),
            gpus=gpus,
        )
        for node in found
        for n in range(taken[node.id])
    ]


def _room(node: Node, gpus: float, cpus: float | None, workers: int | None) -> int:
    """Return the number of workers that a machine has room for."""
    if gpus:
        most = _times(node.gpus, gpus)
        return min(most, _times(node.cpus, cpus)) if cpus else most
    if cpus:
        return _times(node.cpus, cpus)
    return int(node.cpus) if workers is not None else int(max(min(node.cpus, 1.0), node.cpus // CPUS_A_WORKER))


def _times(there: float, each: float) -> int:
    """Return how often `each` is in what is there; 0.2 is five times in 1."""
    return int(there / each + 1e-9)


def readers_of(slot: Slot, reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return a worker's settings for reading clips: as many readers as it has processors, where none are named."""
    return {**reading, "workers": reading.get("workers") or max(1, min(16, int(slot.cpus)))}
