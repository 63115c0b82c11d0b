"""The engine and its pieces: sizes, memory, determinism, independence of targets, observers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ltr.geometry import scale_limits
from ltr.models.folding import InferenceNet
from pytracking.debug.seen import Seen
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.draws import Draws
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.first_frame import first_samples, patch_side
from pytracking.tracker.localization import find_peak, vertex
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.preset_settings import FirstFrame, SizeSearch, TrackerPreset
from pytracking.tracker.presets import preset_named
from pytracking.tracker.size_search import best_rows, rows_to_search
from pytracking.tracker.state import TrackerState, concatenate, select


@pytest.fixture(scope="module")
def clip() -> DemoClip:
    return DemoClip(0)


@pytest.fixture(scope="module")
def engine(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return TrackerEngine(inference_net("imagenet_mobile"), preset_named("imagenet_mobile"))


BOXES = [(300.0, 60.0, 70.0, 50.0), (40.0, 200.0, 60.0, 90.0)]
"""Two other targets, parts of the table."""


def run(engine: TrackerEngine, state: TrackerState, frames: list[np.ndarray]) -> list[Prediction]:
    out = []
    for frame in frames:
        state, (prediction,) = engine.step(state, [frame])
        out.append(prediction)
    return out


def test_same_seed_and_input_give_equal_bits(engine: TrackerEngine, clip: DemoClip) -> None:
    frames = [clip.frame(k) for k in range(13)]
    first_box = tuple(clip.boxes_xywh[0])
    alone = run(engine, engine.start(frames[0], first_box), frames[1:])
    state, other = engine.start(frames[0], first_box), engine.start(frames[0], BOXES[0], "other")
    for frame, expected in zip(frames[1:], alone, strict=True):
        state, (prediction,) = engine.step(state, [frame])
        other, _ = engine.step(other, [frame])
        assert prediction == expected


def test_one_target_alone_and_among_others(engine: TrackerEngine, clip: DemoClip) -> None:
    """From a common state one step gives the same box, whether on the same frame or on others of other sizes."""
    frames = [clip.frame(k) for k in range(12)]
    wide = np.concatenate([frames[0], frames[0][:, :100]], axis=1)
    ours = engine.start(frames[0], tuple(clip.boxes_xywh[0]))
    others = [engine.start(wide, box, f"other {k}") for k, box in enumerate(BOXES)]
    others[1], _ = engine.step(others[1], [wide])  # a target that searches sizes on other frames
    together = concatenate([others[0], ours, others[1]])
    for k in range(1, len(frames)):
        wide = np.concatenate([frames[k], frames[k][:, :100]], axis=1)
        ours = select(together, [1])
        ours, (alone,) = engine.step(ours, [frames[k]])
        together, predictions = engine.step(together, [wide, frames[k]], [0, 1, 0])
        np.testing.assert_allclose(predictions[1].box, alone.box, atol=0.01, rtol=0)
        np.testing.assert_allclose(predictions[1].search_area, alone.search_area, atol=0.01, rtol=0)
        assert predictions[1].status == alone.status
        assert predictions[1].score == pytest.approx(alone.score, abs=1e-4)
        torch.testing.assert_close(ours.filters[0], together.filters[1], atol=1e-4, rtol=1e-3)


def test_a_copied_state_goes_on_as_if_nothing_had_happened(
    engine: TrackerEngine, clip: DemoClip
) -> None:
    state = engine.start(clip.frame(0), tuple(clip.boxes_xywh[0]))
    state, _ = engine.step(state, [clip.frame(1)])
    kept = state.copy()
    first = run(engine, state, [clip.frame(k) for k in range(2, 5)])
    assert run(engine, kept, [clip.frame(k) for k in range(2, 5)]) == first


def test_observer_sees_what_was_searched(engine: TrackerEngine, clip: DemoClip) -> None:
    seen: dict[str, torch.Tensor] = {}

    class Keep:
        def observe(self, name: str, value: torch.Tensor) -> None:
            seen[name] = value

    state = engine.start(clip.frame(0), tuple(clip.boxes_xywh[0]))
    plain = run(engine, state.copy(), [clip.frame(1)])
    state, predictions = engine.step(state, [clip.frame(1)], observer=Keep())
    assert predictions == plain
    assert seen["search_crop"].shape == (1, 3, 288, 288)
    assert seen["score_map"].shape == (1, 19, 19)
    assert seen["score_map"].max().item() == pytest.approx(predictions[0].score)
    assert seen["sample_weights"].sum().item() == pytest.approx(1, abs=1e-5)
    assert seen["filter_change"].item() == 0
    for k in range(2, 11):
        before = state.memory.samples.clone()
        state, _ = engine.step(state, [clip.frame(k)], observer=Keep())
        changed = (state.memory.samples != before).flatten(2).any(dim=2)[0].nonzero()
        assert seen["stored_slot"].tolist() == changed.flatten().tolist() == [12 + k]
        assert seen["filter_norm"].item() == pytest.approx(state.filters.norm().item(), rel=1e-5)
        due = k % engine.preset.update.interval == 0
        assert (seen["filter_change"].item() > 0) == due, (
            "the filter is learned anew on every n-th frame"
        )


def test_target_that_vanishes_is_not_moved(engine: TrackerEngine, clip: DemoClip) -> None:
    state = engine.start(clip.frame(0), tuple(clip.boxes_xywh[0]))
    state, (seen,) = engine.step(state, [clip.frame(1)])
    stored = state.memory.count.item()
    told = Seen(wanted=["stored_slot"])
    nothing = np.full((360, 640, 3), 90, np.uint8)
    state, (gone,) = engine.step(state, [nothing], observer=told)
    assert told.of(0) == {"stored_slot": -1}
    assert (seen.status, gone.status) == ("found", "not_found")
    assert gone.box == seen.box
    assert gone.score < engine.preset.localization.not_found_threshold
    assert state.memory.count.item() == stored, "what was not found is not learned"


def test_memory_stays_bounded_and_keeps_the_first_frame(
    inference_net: Callable[[str], InferenceNet],
) -> None:
    from ltr.settings import with_assignments

    clip = DemoClip(0)
    preset = with_assignments(
        preset_named("imagenet_mobile"), ["memory.size=20", "memory.learning_rate=0.1"]
    )
    small = TrackerEngine(inference_net("imagenet_mobile"), preset)
    state = small.start(clip.frame(0), tuple(clip.boxes_xywh[0]))
    first = state.memory.samples[:, :13].clone()
    for k in range(1, 16):
        state, _ = small.step(state, [clip.frame(k)])
    assert state.memory.count.item() == 28
    assert torch.equal(state.memory.samples[:, :13], first)
    assert (state.memory.weights > 0).all()
    assert state.memory.weights[:, :13].sum().item() >= 0.25 - 1e-6


def test_rows_of_the_size_search() -> None:
    search = SizeSearch(ratios=(1.04, 1 / 1.04), interval=2, penalty=0.985)
    rows = rows_to_search((1, 2, 3), search, torch.device("cpu"))
    assert rows.target_of.tolist() == [0, 1, 2, 0, 0, 2, 2]
    assert rows.rows_of.tolist() == [[0, 3, 4], [1, 1, 1], [2, 5, 6]]
    assert rows.ratio.tolist() == pytest.approx([1, 1, 1, 1.04, 1 / 1.04, 1.04, 1 / 1.04])
    score = torch.tensor([0.5, 0.1, 0.5, 0.506, 0.6, 0.505, 0.507])
    assert best_rows(rows, score).tolist() == [4, 1, 2], (
        "another size must win by more than its penalty"
    )
    assert rows_to_search((0, 2), search, torch.device("cpu")).rows_of.tolist() == [[0], [1]]


def test_scale_limits() -> None:
    def limits(height: float, width: float) -> list[float]:
        return scale_limits(torch.tensor([[height, width]]), torch.tensor([2.0]), (360, 640), 10.0)[
            0
        ].tolist()

    assert limits(50, 100) == pytest.approx([2 / 5, 2 * 6.4])
    assert limits(30, 6) == pytest.approx([2, 2 * 12]), (
        "a target that begins thinner than the limit stays as it is"
    )
    assert limits(200, 800) == pytest.approx([2 / 20, 2]), (
        "nor is one cut that begins larger than the frame"
    )


@pytest.mark.parametrize("size", [(6.0, 30.0), (40.0, 4.0)])
def test_thin_targets_keep_their_size(
    size: tuple[float, float], engine: TrackerEngine, clip: DemoClip
) -> None:
    state = engine.start(clip.frame(0), (300.0, 100.0, *size))
    for _ in range(3):
        state, (prediction,) = engine.step(state, [clip.frame(0)])
    np.testing.assert_allclose(prediction.box[2:], size, rtol=0.1)


def test_peak_below_the_cell() -> None:
    y, x = torch.meshgrid(torch.arange(19.0), torch.arange(19.0), indexing="ij")
    for cy, cx in ((9.0, 9.0), (4.3, 12.8), (7.45, 2.6)):
        parabola = 1 - 0.01 * ((y - cy) ** 2 + (x - cx) ** 2)
        cell = find_peak(parabola[None]).cell_yx
        assert (cell + vertex(parabola[None], cell))[0].tolist() == pytest.approx(
            [cy, cx], abs=1e-4
        )
    ties = torch.zeros(1, 5, 5)
    ties[0, 3, 1] = ties[0, 1, 2] = 1
    assert find_peak(ties).cell_yx.tolist() == [[3, 1]], "of equal maxima the smallest column"
    flat = find_peak(torch.ones(2, 4, 4))
    assert flat.cell_yx.tolist() == [[0, 0], [0, 0]]
    assert flat.score.tolist() == [1, 1]


def test_first_samples_carry_their_shifts() -> None:
    patch = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    setting = FirstFrame(
        shifts=((0.32, -0.19),), blurs=((1, 2),), rotations=(10.0,), random_shift=0.4
    )
    samples = first_samples(patch, 32, setting, Draws(7, "a"))
    assert samples.crops.shape == (setting.count, 3, 32, 32) == (5, 3, 32, 32)
    assert samples.shift_yx[:2].tolist() == [[0, 0], [5, -3]]
    assert samples.shift_yx[2:].abs().max() <= 6.4
    assert torch.equal(samples.crops[0], patch[:, 16:48, 16:48])
    assert torch.equal(samples.crops[1], patch[:, 11:43, 19:51]), "content moves by the shift"
    again = first_samples(patch, 32, setting, Draws(7, "a"))
    assert torch.equal(again.shift_yx, samples.shift_yx)
    for other in (Draws(8, "a"), Draws(7, "b")):
        assert not torch.equal(first_samples(patch, 32, setting, other).shift_yx, samples.shift_yx)


@pytest.mark.parametrize(
    ("side", "expansion", "expected"),
    [(288, 2.0, 576), (288, 1.4, 404), (32, 1.5, 48), (31, 2, 63)],
)
def test_patch_side(side: int, expansion: float, expected: int) -> None:
    assert patch_side(side, expansion) == expected


@pytest.mark.parametrize("rounding", ["integer", "float"])
def test_published_windows_track_too(
    rounding: str, clip: DemoClip, inference_net: Callable[[str], InferenceNet]
) -> None:
    from ltr.settings import replace

    preset: TrackerPreset = replace(preset_named("imagenet_mobile"), "search.crop_window", rounding)
    other = TrackerEngine(inference_net("imagenet_mobile"), preset)
    predictions = run(
        other, other.start(clip.frame(0), tuple(clip.boxes_xywh[0])), [clip.frame(1), clip.frame(2)]
    )
    np.testing.assert_allclose(predictions[-1].box, clip.boxes_xywh[2], atol=4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_tracks_the_same(clip: DemoClip) -> None:
    from pytracking import Tracker

    boxes = []
    for device in ("cpu", "cuda"):
        tracker = Tracker.load("imagenet_mobile", device=device)
        tracker.initialize(clip.frame(0), clip.boxes_xywh[0])
        boxes.append([tracker.track(clip.frame(k)).box for k in range(1, 8)])
    np.testing.assert_allclose(boxes[1], boxes[0], atol=0.5)
