"""Networks that differ by their seed alone: trained so that a signal costs an epoch, whatever else
ends it a minute, each kept in a file, and told together."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, pstdev, stdev
from typing import Any, Protocol, TypeVar

import torch

from ltr.checkpoints import printable
from ltr.errors import ResultError, TrackingError
from ltr.files import locked, make_folder, write_bytes, write_text
from ltr.paths import open_regular, read_regular
from ltr.progress import StatusLine, duration, tell
from ltr.signals import postponed

R = TypeVar("R")
STATE, LOCK = "state.pt", "lock"
SAVE_SECONDS = 60.0
BEST, OF = 5, 20
"""So many of so many are told besides, as the papers do."""
_PLACES = {
    ("toy", "data*/*/seed-*.json"): "`ltr toy report {}` tells of them",
    ("regress", "*/*/seed-*.json"): "`ltr regress report {}` tells of them",
    ("regress detection", "*-seed*/result.json"): "its table is in table.md",
}
"""By command and by where its results lie."""
_SEED = re.compile(r"seed-([0-9]{1,18})\.json")
_MISFITS = (TrackingError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class Resumable(Protocol):
    """A training whose state can be saved after any epoch."""

    losses: list[Any]
    """One entry an epoch."""

    def epoch(self) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None:
        """Raises whatever it likes for a damaged one."""


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[None]:
    """Make a folder of results, where no other process trains meanwhile. Raises ResultError."""
    make_folder(folder)
    with locked(folder / LOCK, f"another process is training in {folder}: wait for its end"):
        yield


def train_on(
    training: Resumable,
    epochs: int,
    folder: Path,
    seeds: Sequence[int],
    facts: Mapping[str, Any],
    title: str,
) -> float:
    """Go on from the state in `folder`, if there is one, to the last epoch. The state is saved each
    minute, at the end, for evaluating takes a while as well, and at a signal: then that of the last
    epoch that was finished. Returns the seconds of processor time, those before the state included.
    Raises ResultError for a state of other seeds, of other facts (plain values), of more epochs,
    and for a damaged one."""
    path = folder / STATE
    spent = _restore(training, epochs, path, seeds, facts)
    line, first, begin = StatusLine(), len(training.losses), time.monotonic()
    done, saved, state = first, begin, b""
    try:
        while done < epochs:
            clock = time.process_time()
            training.epoch()
            spent += time.process_time() - clock
            now = time.monotonic()
            state, done = _state(training, seeds, facts, spent), len(training.losses)
            left = (now - begin) / (done - first) * (epochs - done)
            line.tell(f"{title}: epoch {done} of {epochs}, {duration(left)} left")
            if now - saved > SAVE_SECONDS or done == epochs:
                write_bytes(path, state, "state")
                saved = now
    except KeyboardInterrupt:
        line.end()
        if state:
            with postponed():
                write_bytes(path, state, "state")
        if done:
            tell(f"{title}: the same command goes on after epoch {done} of {epochs}")
        raise
    finally:
        line.end()
    return spent


def load_moments(optimizer: torch.optim.Adam, state: Mapping[str, Any]) -> None:
    """Those of the state of an optimizer of as many weights of the same shapes; rates stay. Raises
    ValueError and others for a state that is damaged."""
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state["state"], "param_groups": groups})
    for weight, moments in optimizer.state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            if moments[name].shape != weight.shape:
                raise ValueError(f"{name} has shape {tuple(moments[name].shape)}")


def check_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises ResultError, with the first fact in which what lies at `path` is another one than what
    is asked for."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ResultError(
                f"{path} is of {name} {found.get(name)!r:.80}, not {value!r:.80}: give another "
                "--output, or delete it"
            )


def write_result(path: Path, values: Mapping[str, Any]) -> None:
    """A JSON file; a number that is not finite is null. Raises ResultError."""
    write_text(path, json.dumps(_finite(values)) + "\n", "result")


def read_result(path: Path, read: Callable[[dict[str, Any]], R]) -> R:
    """What `read` makes of the values of such a file. Raises ResultError, for whatever `read`
    raises as well: the file was edited, or is of another version."""
    todo = "delete it, it is damaged"
    try:
        content = json.loads(read_regular(path))
        todo = "move it away, it was edited or another version wrote it"  # good JSON may be of use
        values = _finite(content)
        if not isinstance(values, dict):
            raise ValueError("it is no table")
        return read(values)
    except OSError as error:
        reason, todo = error.strerror or str(error), "check its permissions"
    except RecursionError:
        reason = "it is nested too deeply"
    except _MISFITS as error:
        reason = printable(f"{error}")[:200] or type(error).__name__
    raise ResultError(f"cannot read result {path}: {reason}: {todo}")


def no_results(folder: Path, command: str, example: str) -> ResultError:
    """The error to raise where there are none of `ltr COMMAND`, which `example` makes. Results of
    another command are told as such."""
    for (other, pattern), told in _PLACES.items():
        if other != command and any(folder.glob(pattern)):
            return ResultError(
                f"{folder} has results of `ltr {other}`, none of `ltr {command}`: "
                + told.format(folder)
            )
    return ResultError(f"no results in {folder}: `{example} --output {folder}` makes some")


def seed_file(folder: Path, seed: int) -> Path:
    """Where the result of a seed lies."""
    return folder / f"seed-{seed}.json"


def seed_files(root: Path, folders: str = ".") -> Iterator[tuple[int, Path]]:
    """The results of seeds in `folders`, a pattern, below `root`, in the order of their names.
    Others are ignored."""
    found = [(_SEED.fullmatch(path.name), path) for path in root.glob(f"{folders}/*.json")]
    seeds = [(int(match[1]), path) for match, path in found if match]
    yield from sorted(seeds, key=lambda pair: (str(pair[1].parent), pair[0]))


def statistics(values: Sequence[float], failed: int = 0) -> list[str]:
    """Cells of a table, of values in ascending order: mean, its standard error, standard deviation,
    mean and deviation of the best 5 of 20, range. Seeds that `failed` are the worst of these."""
    if not values:
        return ["–"] * 5
    spread = stdev(values) if len(values) > 1 else math.nan
    best = "–"
    if len(values) + failed == OF and len(values) >= BEST:  # of others it is another choice
        best = f"{told(mean(values[:BEST]))} ± {told(pstdev(values[:BEST]))}"
    return [
        told(mean(values)),
        told(spread / math.sqrt(len(values))) if len(values) > 1 else "–",
        told(spread) if len(values) > 1 else "–",
        best,
        f"{told(values[0])} to {told(values[-1])}",
    ]


def told(value: float, digits: int = 4) -> str:
    """A number of a table: of one that diverged no more than its size."""
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.1e}"


def _finite(values: Any) -> Any:
    """JSON's values with null for numbers that are not finite."""
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _state(
    training: Resumable, seeds: Sequence[int], facts: Mapping[str, Any], seconds: float
) -> bytes:
    """A file's content: the next epoch does not change it."""
    content = io.BytesIO()
    known = {"seeds": list(seeds), "facts": dict(facts), "seconds": seconds}
    torch.save({**known, "training": training.state()}, content)
    return content.getvalue()


def _restore(
    training: Resumable, epochs: int, path: Path, seeds: Sequence[int], facts: Mapping[str, Any]
) -> float:
    """Its seconds; 0 where there is no state."""
    try:
        with open_regular(path) as file:
            state = torch.load(file, weights_only=True)
        spent, found = float(state["seconds"]), [int(seed) for seed in state["seeds"]]
        if not 0 <= spent < math.inf:
            raise ValueError(f"{spent} seconds")
        check_same(path, dict(state["facts"]), facts)
        if found != list(seeds):
            raise ResultError(_of_other_seeds(path, found, list(seeds)))
        training.restore(state["training"])
    except FileNotFoundError:
        return 0.0
    except ResultError:
        raise
    except Exception:  # a pickle of strangers raises whatever it likes
        raise ResultError(f"cannot read state {path}: delete it, it is damaged") from None
    if len(training.losses) > epochs:
        check_same(path, {"epochs": len(training.losses)}, {"epochs": epochs})
    return spent


def _of_other_seeds(path: Path, found: list[int], wanted: list[int]) -> str:
    both = min(len(found), len(wanted))
    go_on = (
        f"--seeds {max(found) + 1} goes on with it, or " if found[:both] == wanted[:both] else ""
    )
    there, asked = (", ".join(map(str, seeds)) for seeds in (found, wanted))
    return f"{path} is of the seeds {there}, not {asked}: {go_on}delete it"
