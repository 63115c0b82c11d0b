"""The loop: the same bits however often it is interrupted, and nothing is lost when it ends."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toy_training import CPU, TOY, Noise, ToyLosses, toy_losses, toy_material, train_toy

from ltr.checkpoints import read_header, write_network
from ltr.draws import Draws
from ltr.errors import ConfigError, ResultError, TrainingError
from ltr.models.tracker_net import TrackerNet, stored_tensors
from ltr.networks import open_network
from ltr.settings import as_dict
from ltr.signals import Termination, termination
from ltr.training.checkpoint import Progress, read_training_state
from ltr.training.learner import Learner
from ltr.training.log import append_line, read_log
from ltr.training.material import Sampled
from ltr.training.recipe import ParameterGroup
from ltr.training.run import _superfluous, best_network, why_best
from ltr.training.start import first_network
from ltr.training.trainer import train

PROGRAM = [sys.executable, str(Path(__file__).with_name("toy_training.py"))]


def newest(folder: Path) -> Path:
    return folder / "states" / "newest.safetensors"


def state_bits(folder: Path) -> dict[str, bytes]:
    tensors = load_file(newest(folder))
    return {key: tensor.numpy().tobytes() for key, tensor in tensors.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from beginning to end."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train_toy(folder)
    return folder


def started(folder: Path, step: int) -> subprocess.Popen[str]:
    """A training that has come to a step and waits in it."""
    process = subprocess.Popen(
        [*PROGRAM, str(folder), str(step)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n", process.communicate()
    return process


def test_a_run_leaves_states_networks_and_a_log(whole: Path) -> None:
    assert sorted(os.listdir(whole)) == ["log.jsonl", "networks", "recipe.toml", "states"]
    assert sorted(os.listdir(whole / "states")) == ["best.safetensors", "newest.safetensors"]
    assert sorted(os.listdir(whole / "networks")) == [
        "epoch-0001.safetensors",
        "epoch-0002.safetensors",
    ]
    lines = list(read_log(whole))
    assert [line["kind"] for line in lines] == [
        "event",
        "train",
        "validation",
        "train",
        "validation",
    ]
    assert [line["step"] for line in lines] == [0, 4, 4, 8, 8]
    assert [line["epoch"] for line in lines] == [0, 1, 1, 2, 2]
    assert set(lines[1]["losses"]) == {"square", "half", "total"}
    assert lines[2]["losses"]["total"] != lines[4]["losses"]["total"]
    least = min((lines[2], lines[4]), key=lambda line: line["losses"]["total"])
    assert best_network(whole) == whole / "networks" / least["network"]
    best = read_training_state(whole / "states" / "best.safetensors")
    assert best.progress == Progress(least["step"], least["epoch"], least["losses"]["total"])
    loaded = open_network(whole / "networks" / "epoch-0002.safetensors")
    assert loaded.preset == "imagenet_mobile"
    mean = load_file(newest(whole))
    for key, tensor in stored_tensors(loaded.net).items():
        torch.testing.assert_close(tensor, mean[f"mean/{key}"], rtol=2e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 6])
def test_killed_and_resumed_is_bit_equal(whole: Path, tmp_path: Path, step: int) -> None:
    process = started(tmp_path / "run", step)
    process.kill()
    process.communicate()
    assert read_training_state(newest(tmp_path / "run")).progress.step == step // TOY.steps * 4
    done = subprocess.run([*PROGRAM, str(tmp_path / "run"), "0"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert state_bits(tmp_path / "run") == state_bits(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Termination")]
)
def test_a_signal_from_outside(tmp_path: Path, number: signal.Signals, error: str) -> None:
    process = started(tmp_path / "run", 5)
    process.send_signal(number)
    assert error in process.communicate("\n", timeout=60)[1].splitlines()[-1]
    assert read_training_state(newest(tmp_path / "run")).progress.step == 6


@pytest.mark.usefixtures("signals_not_ignored")
@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_in_a_step_and_resumed_is_bit_equal(
    whole: Path, tmp_path: Path, number: signal.Signals | None
) -> None:
    """A signal lets the step be finished; an error, None, does not, and loses what was not saved."""

    def ending(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        losses = toy_losses(net, batch, draws)  # has changed the batch statistics
        if net.training and int(batch.numbers[0]) == 5 * TOY.batch:
            if number is None:
                raise RuntimeError
            os.kill(os.getpid(), number)
        return losses

    expected = {None: RuntimeError, signal.SIGINT: KeyboardInterrupt}.get(number, Termination)
    with termination(), pytest.raises(expected):
        train_toy(tmp_path / "run", losses=ending)
    assert read_training_state(newest(tmp_path / "run")).progress.step == (6 if number else 4)
    train_toy(tmp_path / "run")
    assert state_bits(tmp_path / "run") == state_bits(whole)


def test_another_question_removes_no_best_network(tmp_path: Path) -> None:
    """Networks that are the best by any settings stay, and those that nobody has tracked with."""
    folder = tmp_path / "networks"
    folder.mkdir()
    for epoch in range(1, 21):
        (folder / f"epoch-{epoch:04d}.safetensors").touch()
    for epoch in range(1, 20):
        auc = 0.9 if epoch == 3 else 0.1
        append_line(tmp_path, "tracking", {"epoch": epoch, "auc": auc, "sequences": {"a": auc}})
    other = {"auc": 0.3, "sequences": {"a": 0.3}, "settings": ["size.interval=3"]}
    append_line(tmp_path, "tracking", {"epoch": 19, **other})
    left = {path.name for path in folder.iterdir()} - {p.name for p in _superfluous(tmp_path)}
    assert left == {f"epoch-{epoch:04d}.safetensors" for epoch in (3, 19, 20)}


def test_a_run_that_has_begun_needs_its_start_no_more(tmp_path: Path) -> None:
    """Nor does another file of that name change it: a share is one of the way from the beginning."""
    start = tmp_path / "start.safetensors"
    net = TrackerNet(TOY.network)
    write_network(start, stored_tensors(net), as_dict(TOY.network), {"licence": "mine"})
    recipe = replace(TOY, start=str(start), start_parts=("classifier.",))
    train_toy(tmp_path / "whole", recipe)

    def ending(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        if net.training and int(batch.numbers[0]) == 5 * TOY.batch:
            raise KeyboardInterrupt
        return toy_losses(net, batch, draws)

    with pytest.raises(KeyboardInterrupt):
        train_toy(tmp_path / "run", recipe, ending)
    start.unlink()
    train_toy(tmp_path / "run", recipe)
    assert state_bits(tmp_path / "run") == state_bits(tmp_path / "whole")
    for run in ("run", "whole"):
        last = read_header(tmp_path / run / "networks" / "epoch-0002.safetensors")
        assert last.card["licence"] == "mine"


def test_where_no_samples_come_nothing_is_lost(whole: Path, tmp_path: Path) -> None:
    """A worker that was killed, for memory say, is a RuntimeError of torch's."""
    material = toy_material(TOY)

    def ending(net: TrackerNet, begin: int, end: int) -> Iterator[Sampled]:
        yield from itertools.islice(material.training(net, begin, end), 5)
        raise RuntimeError("DataLoader worker (pid 42) is killed by signal: Killed.")

    with pytest.raises(RuntimeError, match="Killed"):
        train(TOY, tmp_path / "run", material._replace(training=ending), CPU, picture_minutes=0)
    assert read_training_state(newest(tmp_path / "run")).progress.step == 5
    train_toy(tmp_path / "run")
    assert state_bits(tmp_path / "run") == state_bits(whole)


def test_a_finished_run_has_nothing_to_do(whole: Path) -> None:
    files = [path for path in whole.rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    assert train_toy(whole) == best_network(whole)
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("cause", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path, cause: str, whole: Path) -> None:
    def failing(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        losses = toy_losses(net, batch, draws)
        if int(batch.numbers[0]) != 5 * TOY.batch:
            return losses
        if cause == "loss":
            bad = losses.total / 0
            return ToyLosses(bad, {**losses.terms, "bad": bad})
        return ToyLosses((losses.total - losses.total.detach()).abs().sqrt(), losses.terms)

    with pytest.raises(TrainingError) as error:
        train_toy(tmp_path / "run", losses=failing)
    term = {"loss": "loss 'bad'", "gradient": "the gradient"}[cause]
    assert str(error.value) == (
        f"{term} is not finite in step 6, of the samples noise/10, noise/11; the state before it is "
        f"kept in {newest(tmp_path / 'run')}"
    )
    assert read_training_state(newest(tmp_path / "run")).progress.step == 5
    train_toy(tmp_path / "run")  # with the cause gone, as if it had not been
    assert state_bits(tmp_path / "run") == state_bits(whole)


def test_nothing_that_is_trained_is_refused(tmp_path: Path) -> None:
    recipe = replace(TOY, groups=(replace(TOY.groups[0], begin=0.5),))
    with pytest.raises(ConfigError, match=r"nothing that is trained in step 1 changes the loss"):
        train_toy(tmp_path / "run", recipe)


def test_a_validation_loss_that_is_not_finite_is_never_the_best(tmp_path: Path) -> None:
    def failing(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        losses = toy_losses(net, batch, draws)
        return losses if net.training else ToyLosses(losses.total * math.nan, losses.terms)

    run = tmp_path / "run"
    train_toy(run, losses=failing)
    assert read_training_state(newest(run)).progress == Progress(8, 2)
    assert sorted(os.listdir(run / "states")) == ["newest.safetensors"]
    lines = [row for row in read_log(run) if row["kind"] == "validation"]
    assert [row["losses"]["total"] for row in lines] == [None, None]
    assert "NaN" not in (run / "log.jsonl").read_text()  # which is no JSON
    assert best_network(run) == run / "networks" / "epoch-0002.safetensors"


def test_what_a_killed_writer_left_is_removed(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for part in (run, run / "states", run / "networks", run / "pictures"):
        part.mkdir(parents=True, exist_ok=True)
        (part / "state.0123456789abcdef.partial").write_bytes(b"half a state")
    train_toy(run)
    assert not list(run.rglob("*.partial"))


def test_a_full_disk_leaves_the_last_state(
    whole: Path, tmp_path: Path, file_size_limit: Callable[[int], None]
) -> None:
    def filling(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        if int(batch.numbers[0]) == 6 * TOY.batch:
            file_size_limit(200_000)
        return toy_losses(net, batch, draws)

    with pytest.raises(ResultError) as error:
        train_toy(tmp_path / "run", losses=filling)
    state = newest(tmp_path / "run")
    assert str(error.value) == f"cannot write training state {state}: File too large"
    assert read_training_state(state).progress.step == 4
    assert not list(tmp_path.rglob("*.partial*"))


def test_another_recipe_is_refused_field_by_field(whole: Path) -> None:
    before = state_bits(whole)
    other = replace(TOY, batch=3, groups=(replace(TOY.groups[0], learning_rate=0.1),))
    with pytest.raises(ConfigError) as error:
        train_toy(whole, other)
    assert str(error.value) == (
        f"{whole} holds a training of another recipe: batch 2 -> 3, groups.0.learning_rate 0.01 -> "
        "0.1; give the same recipe to go on with it, or another folder as --run"
    )
    with pytest.raises(ConfigError) as error:
        train_toy(whole, replace(other, network=replace(TOY.network, channels=16)))
    assert str(error.value) == (
        f"{whole} holds a training of a network of another kind: network.channels 8 -> 16; give the "
        "same recipe to go on with it, or another folder as --run"
    )
    assert state_bits(whole) == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError) as error:
        train_toy(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} holds 'thesis.tex', which no training makes: give an empty or new folder as --run"
    )
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_two_trainings_in_one_folder(tmp_path: Path) -> None:
    def training_too(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        train_toy(tmp_path / "run")
        return toy_losses(net, batch, draws)

    with pytest.raises(ResultError) as error:
        train_toy(tmp_path / "run", losses=training_too)
    assert str(error.value) == (
        f"another process is training in {tmp_path / 'run'}: wait for its end"
    )


def test_what_is_not_trained_stays_bit_for_bit(tmp_path: Path) -> None:
    groups = (
        ParameterGroup(parameters=("classifier.feature_extractor.1.",), learning_rate=0.1),
        ParameterGroup(
            parameters=("classifier.feature_extractor.0.",), learning_rate=0.1, begin=0.5
        ),
    )
    recipe = replace(TOY, groups=groups, averaging=0.0)
    learner = Learner(recipe, first_network(recipe), CPU)
    before = {key: tensor.clone() for key, tensor in learner.net.state_dict().items()}
    for step, batch in enumerate(toy_material(recipe).training(learner.net, 0, 8)):
        learner.learn(batch, toy_losses)
        changed = {
            key for key, tensor in learner.net.state_dict().items() if not tensor.equal(before[key])
        }
        last = "classifier.feature_extractor.1.weight"
        if step < 4:
            assert changed == {last}
    assert "classifier.feature_extractor.0.bn1.running_mean" in changed
    assert {key.rsplit(".", 2)[0] for key in changed - {last}} == {"classifier.feature_extractor.0"}
    assert learner.rates() == {group.parameters[0]: pytest.approx(0.1 * 0.01) for group in groups}


def test_best_network_is_that_which_tracks_best(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_toy(run)
    with (run / "log.jsonl").open("a") as log:
        log.write('{"kind": "tracking", "epo')
    for scores, best in (({1: 0.5, 2: 0.4, 7: 0.9}, 1), ({1: 0.3}, 2)):
        for epoch, auc in scores.items():
            append_line(run, "tracking", {"epoch": epoch, "auc": auc})
        assert best_network(run) == run / "networks" / f"epoch-{best:04d}.safetensors"
    assert why_best(run) == "by success AUC of 0 sequences (of fewer than 10 chance chooses)"
    many, few = {"a": 0.4, "b": 0.4, "c": 0.4}, {"easy": 0.99, "d": 0.97}
    other = {"sequences": many, "settings": ["size.interval=3"]}
    for line in (
        {"epoch": 1, "auc": 0.4, "sequences": many},
        {"epoch": 2, "auc": 0.98, "sequences": few},  # a quick look
    ):
        append_line(run, "tracking", line)
        assert best_network(run) == run / "networks" / "epoch-0001.safetensors"
    append_line(run, "tracking", {"epoch": 2, "auc": 0.3, **other})  # of as many: the newest counts
    assert best_network(run) == run / "networks" / "epoch-0002.safetensors"
