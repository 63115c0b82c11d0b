"""Samples: what they show, where their boxes lie, and that they follow from their number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from memory_store import BLUE, GREEN, MemoryStore, make_store, plain_config

from ltr.data import samples as samples_module
from ltr.data.configuration import Composition, Crops, Motion, Photometry
from ltr.data.pictures import Pictures
from ltr.data.render import by_depth, pixels, render
from ltr.data.samples import Samples
from ltr.errors import DataError
from ltr.geometry import mirrored

CPU = torch.device("cpu")
ALONE = Composition(distractors=0, occluded=0)


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Samples of stores in memory, one a part of the mix."""

    def made(config, *stores, seed=0, device=CPU, validation=False) -> Samples:
        left = iter(stores)
        monkeypatch.setattr(samples_module, "open_store", lambda part, root: next(left))
        config = replace(config, mix=tuple(replace(p, path=p.name) for p in config.mix))
        return Samples(config, tmp_path, seed, device, validation)

    return made


def extents(grey: torch.Tensor, threshold: float = 110) -> list[float]:
    """The left, top, right and bottom edge of what is brighter in (h, w)."""
    shown = grey > threshold
    rows, columns = shown.any(1).nonzero(), shown.any(0).nonzero()
    assert len(rows), "nothing of the target is in the crop"
    return [
        columns.min().item(),
        rows.min().item(),
        columns.max().item() + 1,
        rows.max().item() + 1,
    ]


def edges(box) -> list[float]:
    x, y, w, h = map(float, box)
    return [x, y, x + w, y + h]


def assert_boxes_true(batch, within: float) -> None:
    """What is red in a crop fills its box, where that lies within the crop."""
    crops = torch.cat([batch.train_crops, batch.test_crops], dim=1).flatten(0, 1)
    boxes = torch.cat([batch.train_boxes, batch.test_boxes], dim=1).flatten(0, 1)
    side, checked = crops.shape[-1], 0
    for crop, box in zip(crops, boxes, strict=True):
        if min(edges(box)) >= 0 and max(edges(box)) <= side:
            assert extents(crop[0]) == pytest.approx(edges(box), abs=within)
            checked += 1
    assert checked > len(crops) // 3


def test_motion_seeks_photographs_with_enough_around_the_target(make) -> None:
    store = make_store(count=2)
    for track, side in zip(store.tracks, (30, 100), strict=True):
        track.boxes_xywh[0] = (20, 10, side, side)  # of pictures of 120 x 160, root of area 139
    named = {
        largest: set(
            make(plain_config("motion", motion=Motion(largest=largest)), store)
            .batch(range(24))
            .names
        )
        for largest in (0.5, 1.0)
    }
    assert named == {0.5: {"motion0/made0"}, 1.0: {"motion0/made0", "motion0/made1"}}


@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
@pytest.mark.parametrize(
    ("use", "rotation", "within"),
    [
        ("video", 0, 1),
        ("still", 0, 1),
        ("motion", 0, 1),
        ("composite", 0, 1),
        ("motion", 20, 1.5),  # the corner of a turned thing fades
        ("composite", 20, 1.5),
    ],
)
def test_box_is_what_the_target_fills(make, use, rotation, within, shape):
    target = make_store("target", frames=40 if use == "video" else 1, shape=shape)
    motion = Motion(scale=0.2, aspect=0.2, rotation=rotation, flip=0.5)
    config = plain_config(
        "video" if use == "still" else use, "video", composition=ALONE, motion=motion
    )
    config = replace(config, mix=(config.mix[0], replace(config.mix[1], weight=1e-9)))
    samples = make(config, target, make_store("behind", frames=30, colour=BLUE))
    assert_boxes_true(samples.batch(range(12)), within)


def test_box_of_a_picture_without_mask_is_the_hull_of_the_turned_box(make):
    store = make_store(masks=False)
    samples = make(plain_config("motion", motion=Motion(rotation=30, flip=0.5)), store)
    assert_boxes_true(samples.batch(range(12)), 1.5)


def test_a_sample_follows_from_seed_and_number_alone(make):
    def drawn(seed=0):
        stores = [make_store(), make_store("films", frames=30, colour=GREEN), make_store("stills")]
        return make(plain_config("composite", "video", "motion"), *stores, seed=seed)

    numbers = [7, 3, 2**40, 11, 5, 0]
    together = drawn().batch(numbers)
    assert together.train_crops.shape == (6, 3, 3, 96, 96)
    assert together.train_crops.dtype == torch.uint8
    samples = drawn()
    for row in reversed(range(len(numbers))):
        alone = samples.batch(numbers[row : row + 1])
        for one, many in zip(alone, together, strict=True):
            if isinstance(one, tuple):
                assert one == many[row : row + 1]
            else:
                assert torch.equal(one, many[row : row + 1])
    assert len({name.split("/")[0] for name in together.names}) > 1
    other = drawn(seed=1).batch(numbers)
    assert not torch.equal(other.train_boxes, together.train_boxes)


def test_resident_pictures_give_the_same_samples(make):
    uses = "composite", "video", "motion"
    stores = [make_store(), make_store(frames=30, colour=GREEN), make_store(shape="ellipse")]
    config = plain_config(*uses)
    read = make(config, *stores).batch(range(8))
    held = make(replace(config, resident=True), *stores).batch(range(8))
    assert held.names == read.names
    assert torch.equal(held.train_crops, read.train_crops)
    assert torch.equal(held.test_boxes, read.test_boxes)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_samples(make):
    stores = [make_store(), make_store(frames=30, colour=GREEN), make_store(shape="ellipse")]
    uses = "composite", "video", "motion"
    config = plain_config(*uses, motion=Motion(rotation=0), resident=True)
    here = make(config, *stores).batch(range(8))
    there = make(config, *stores, device=torch.device("cuda")).batch(range(8))
    assert there.test_crops.is_cuda
    assert there.names == here.names
    assert torch.equal(there.test_boxes.cpu(), here.test_boxes)
    assert (there.test_crops.cpu().int() - here.test_crops.int()).abs().max() <= 1


def test_parts_are_drawn_by_weight(make):
    config = plain_config("video", "video")
    config = replace(config, mix=tuple(map(lambda p, w: replace(p, weight=w), config.mix, (3, 1))))
    samples = make(config, make_store(), make_store())
    share = sum(samples.plan(number).name.startswith("video0") for number in range(400)) / 400
    assert 0.68 < share < 0.82


def test_left_out_tracks_are_for_validation_alone(make, tmp_path):
    (tmp_path / "left.txt").write_text("made1\nmade3\n")
    uses = "video", "composite", "motion"
    config = replace(plain_config(*uses), left_out="left.txt")
    stores = [make_store(count=6) for _ in uses]
    seen = {}
    for validation in (False, True):
        samples = make(config, *stores, validation=validation)
        seen[validation] = {
            samples._pictures.track(layer.picture.store, layer.picture.track).name
            for number in range(60)
            for layers in samples.plan(number).crops
            for layer in layers
        }
    assert seen == {False: {"made0", "made2", "made4", "made5"}, True: {"made1", "made3"}}


def test_crops_are_changed_for_training_alone_and_mirrored_with_their_boxes(make, tmp_path):
    (tmp_path / "left.txt").write_text("made1\n")
    mirror = Photometry(joint_grey=0, brightness=0, joint_flip=1)
    config = replace(plain_config("motion", crops=Crops(side=64)), left_out="left.txt")
    before = make(config, make_store()).batch(range(4))
    after = make(replace(config, photometry=mirror), make_store()).batch(range(4))
    assert torch.equal(after.test_crops, before.test_crops.flip(-1))
    torch.testing.assert_close(after.test_boxes, mirrored(before.test_boxes, 64))
    stores = make_store(), make_store()
    plain, judged = (
        make(replace(config, photometry=photometry), store, validation=True).batch(range(4))
        for photometry, store in zip((config.photometry, mirror), stores, strict=True)
    )
    assert torch.equal(plain.test_crops, judged.test_crops)


@pytest.mark.parametrize("window", ["exact", "published_2020"])
@pytest.mark.parametrize("rotation", [0, 15])
def test_all_layers_of_one_depth_at_once_are_those_one_by_one(make, window, rotation):
    config = plain_config(
        "composite",
        "video",
        "motion",
        composition=Composition(distractors=3, occluded=0.5),
        crops=Crops(side=96, window=window),
        motion=Motion(rotation=rotation, flip=0.5),
    )
    stores = [make_store(shape="ellipse"), make_store(frames=30, colour=BLUE), make_store()]
    samples, device = make(config, *stores), torch.device("cpu")
    layers = [crop for number in range(8) for crop in samples.plan(number).crops]
    assert len({len(crop) for crop in layers}) > 3
    shown = Pictures(stores, device).shown(layers)
    difference = (by_depth(layers, shown, device) - render(layers, shown, device)).abs()
    if rotation == 0:
        assert difference.max() < 0.01
    else:  # what is turned was sampled at other places of the picture: edges differ
        assert difference.mean() < 0.5
        assert difference.quantile(0.97) < 2


def test_nothing_left_out_is_nothing_to_validate_with(make):
    with pytest.raises(DataError, match=r"nothing to validate with: .* left_out, which is empty"):
        make(plain_config("video"), make_store(), validation=True)


def test_a_part_without_usable_tracks_is_named(make):
    with pytest.raises(
        DataError, match=r"data set video0 \(video0\) has no track to train on: of 4"
    ):
        make(plain_config("video"), make_store(frames=10))


def test_objects_without_masks_cannot_be_pasted(make):
    with pytest.raises(DataError, match=r"composite0 .* has nothing to paste: .* use motion"):
        make(plain_config("composite"), make_store(masks=False))


def test_objects_without_masks_are_passed_over(make):
    store = make_store(count=40)
    store.tracks[1:] = [replace(track, pasteable=False) for track in store.tracks[1:]]
    samples = make(plain_config("composite"), store)
    assert set(samples.batch(range(6)).names) == {"composite0/made0"}


def test_objects_that_are_too_small_are_told(make):
    store = make_store(count=1)
    store.tracks[0].boxes_xywh[:, 2:] = 8
    samples = make(plain_config("composite"), store)
    with pytest.raises(DataError, match=r"composite0 .* has too little to paste: 30 objects in a"):
        samples.batch([0])


def test_what_reaches_a_border_is_not_pasted(make):
    store = make_store("films", count=1, frames=30)
    track = store.tracks[0]
    track.visible[:] = True
    track.boxes_xywh[::5, 0] = -5
    samples = make(plain_config("composite", composition=Composition(occluded=1)), store)
    shown = [
        layer.picture.number
        for number in range(4)
        for layers in samples.plan(number).crops
        for layer in layers
        if layer.cut_out
    ]
    assert len(shown) >= 48
    assert all(number % 5 for number in shown)


class Changing(MemoryStore):
    """A film whose pictures become smaller, as those of GOT-10k's 007947 do."""

    def frame(self, track: int, number: int) -> np.ndarray:
        return super().frame(track, number)[: 120 if number < 15 else 90]


def test_a_video_may_change_its_size(make):
    """What was read before does not tell how large a picture is."""
    crops = Crops(side=96, window="published_2020", border="inside")
    config = plain_config("video", crops=crops)
    store = Changing(**vars(make_store(count=2, frames=30)))
    samples = make(config, store)
    together = samples.batch(range(12))
    for number in range(11, -1, -1):
        alone = make(config, store).batch([number])
        assert torch.equal(alone.test_crops[0], together.test_crops[number])
        assert torch.equal(alone.test_boxes[0], together.test_boxes[number])


def test_an_unreadable_picture_is_replaced_and_counted(make):
    config = replace(plain_config("video", crops=Crops(side=32)), unreadable=0.5)
    samples = make(config, make_store(count=5, broken=frozenset({2})))
    batch = samples.batch(range(150))
    assert len(batch.names) == 150
    assert not any(name.endswith("made2") for name in batch.names)
    assert 15 < samples.unreadable < 60
    whole = make(config, make_store(count=5)).batch(range(150))
    same = [number for number in range(150) if not whole.names[number].endswith("made2")]
    assert torch.equal(whole.train_crops[same], batch.train_crops[same])


def test_too_many_unreadable_pictures_stop_with_the_last_one(make):
    config = replace(plain_config("video", crops=Crops(side=32)), unreadable=0.05)
    samples = make(config, make_store(count=5, broken=frozenset({2})))
    samples.batch(range(99))
    with pytest.raises(DataError, match=r"of 149 samples .* \(data.unreadable\); .*broken_2.jpg"):
        samples.batch(range(99, 149))


def test_nothing_but_broken_pictures_ends(make):
    samples = make(plain_config("video"), make_store(count=2, broken=frozenset({0, 1})))
    with pytest.raises(DataError, match=r"50 pictures in a row .* broken_\d.jpg"):
        samples.batch([0])


def alpha(layer, store) -> torch.Tensor:
    """(96, 96) how much of a crop a pasted thing covers."""
    whole = torch.zeros(96, 96)
    (y, x), (h, w) = layer.place_yx, layer.size_hw
    shown = Pictures([store], CPU).shown([[layer]])
    whole[y : y + h, x : x + w] = pixels(layer, shown)[3] / 255
    return whole


def made_of(make, composition: Composition):
    """The pasted layers of crops and the targets' boxes, and the store that they come from."""
    store = make_store(shape="ellipse")
    samples = make(plain_config("composite", composition=composition), store)
    plans = [samples.plan(number) for number in range(25)]
    return store, [
        (layers[1:], box)
        for plan in plans
        for layers, box in zip(plan.crops, plan.boxes, strict=True)
        if min(edges(box)) >= 0 and max(edges(box)) <= 96
    ]


def test_an_occluder_covers_no_more_than_its_share(make):
    store, crops = made_of(make, Composition(distractors=0, occluded=1, occlusion=0.4))
    shares = []
    for (target, *before), _ in crops:
        seen = alpha(target, store)
        hidden = sum((alpha(layer, store) for layer in before), torch.zeros(96, 96))
        shares.append(((seen * hidden).sum() / seen.sum()).item())
    assert max(shares) < 0.43
    assert np.mean(shares) > 0.08


def test_distractors_lie_in_the_crop_beside_the_target(make):
    store, crops = made_of(make, Composition(distractors=3, occluded=0, twins=0.5))
    counts = []
    for (*others, target), box in crops:
        assert extents(alpha(target, store), 0.5) == pytest.approx(edges(box), abs=1)
        counts.append(len(others))
        x, y, w, h = (round(v) for v in box)
        for layer in others:
            shown = alpha(layer, store)
            assert shown.sum() > 0
            assert shown[y : y + h, x : x + w].sum() < 0.12 * w * h
    assert np.mean(counts) > 1


def test_too_many_unreadable_pictures_of_resident_data_stop_at_once(make):
    config = replace(plain_config("video", crops=Crops(side=32)), resident=True, unreadable=0.19)
    broken = make_store(count=5, broken=frozenset({2}))
    with pytest.raises(DataError, match=r"made: 1 of 5 pictures cannot be read, .* 0.19"):
        make(config, broken)
    make(replace(config, unreadable=0.2), broken).batch(range(3))
