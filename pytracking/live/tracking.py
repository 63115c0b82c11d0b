"""What the tracking thread does: frames in, predictions out, and commands between two frames."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ltr.checkpoints import printable
from ltr.errors import BoxError, FrameError, ResultError, TrackingError
from ltr.geometry import checked_box
from pytracking.live.batch import BatchTracker, track_batch
from pytracking.live.catch_up import CatchUp
from pytracking.live.intake import Intake
from pytracking.live.messages import Messages
from pytracking.live.recording import Recording, new_folder
from pytracking.live.targets import Target, Targets
from pytracking.live.views import View, Views
from pytracking.sinks.result_formats import ResultRow
from pytracking.sources.feed import Feed, Shot
from pytracking.tracker.prediction import Prediction


class Tracking:
    """Sources, targets and the recording. One thread calls the methods; `intakes`, `targets.all`,
    `messages.all`, `paused` and `recording` may be read by others.

    tracker: nobody else touches it. wake: what feeds call. wanted: the values that are kept of
    watched targets."""

    def __init__(
        self,
        tracker: BatchTracker,
        wake: Callable[[], None],
        wanted: Collection[str],
        clock: Callable[[], float],
    ) -> None:
        self.views = Views()
        self.messages = Messages()
        self.targets = Targets()
        self.intakes: tuple[Intake, ...] = ()
        self.paused = False
        self.recording: Recording | None = None
        self.given_up: list[Recording] = []
        """Recordings that could not go on, which wait to be closed."""
        self._tracker = tracker
        self._late = CatchUp(clock)
        self._wake = wake
        self._wanted = wanted
        self._clock = clock

    # --- frames

    def go_on(self) -> bool:
        """Take what there is, track it and show it. Whether there was a frame."""
        taken = {i.name: shot for i in self.intakes if (shot := i.take(self.paused)) is not None}
        late = self._late.due(self.intakes, self.targets)
        if taken or late:
            self._track(taken, late)
        for intake in self.intakes:
            if intake.changed():
                if intake.condition.line:
                    self.messages.say(intake.condition.line, intake.name)
                self._publish(intake)
        return bool(taken or late)

    def _track(self, taken: Mapping[str, Shot], late: Mapping[str, Shot]) -> None:
        """taken: the new frames by source. late: by the keys of targets that catch up, the frame in
        which each is looked for next."""
        shots: dict[str, dict[str, Shot]] = {}
        for target in self.targets.all:
            new = None if self.intake(target.source).sought else taken.get(target.source)
            shot = late.get(target.key) if target.key in self._late else new
            if shot is not None:
                shots.setdefault(target.source, {})[target.key] = shot
        frames = {
            source: {key: shot.frame for key, shot in own.items()} for source, own in shots.items()
        }
        watched = {i.watched for i in self.intakes if i.name in taken and i.watched is not None}
        begin = self._clock()
        predictions, seen = track_batch(self._tracker, frames, watched, self._wanted, self._refused)
        took = self._clock() - begin
        for intake in self.intakes:
            if intake.name in taken:
                self._record_shown(intake)
            elif intake.name not in shots:
                continue
            now = self._tracked(intake, shots.get(intake.name, {}), predictions)
            if intake.name in taken:
                intake.sought = False
                intake.seen = seen.get(intake.watched or "")
                intake.seconds = took if intake.name in frames else 0.0
                intake.meter.note(intake.seconds)
            self._record_boxes(intake, now)
            self._publish(intake)
        self._late.note(late, took)

    def _tracked(
        self, intake: Intake, shots: Mapping[str, Shot], predictions: Mapping[str, Prediction]
    ) -> list[Target]:
        """The targets whose predictions are of the frame that is shown."""
        now = []
        for target in self.targets.of(intake.name):
            if target.key not in predictions:
                continue
            shot = shots[target.key]
            known = target.tracked(shot.number, predictions[target.key])
            if shot is intake.shot:
                self._late.end([target.key])
                now.append(known)
            else:
                known = replace(known, prediction=None)  # it begins still
            self.targets.put(known)
        return now

    def _refused(self, source: str, error: Exception) -> None:
        line = str(error).strip().split("\n")[0] or type(error).__name__
        self.messages.say(f"{source}: a frame was not tracked: {line}", source)

    def view_of(self, source: str) -> View:
        """What a source shows. Raises FrameError where it shows nothing yet."""
        view = self.views.newest(self.intake(source).name)
        if view is None:
            raise FrameError(f"{source} has given no frame yet: wait for its first one")
        return view

    def say_all(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.messages.say(line)
        if lines:
            self._publish_all()

    def end(self) -> None:
        """Finish the recording and close the feeds, all at once: each may take a second."""
        threads = [threading.Thread(target=intake.feed.close) for intake in self.intakes]
        for thread in threads:
            thread.start()
        if self.recording is not None:
            with contextlib.suppress(ResultError):  # was said
                self.given_up.append(self.stop_recording())
        for recording in self.given_up:
            self.say_all(recording.close())
        for thread in threads:
            thread.join()
        self.views.end()

    def _publish(self, intake: Intake) -> None:
        folder = self.recording.folder if self.recording else None
        view = intake.view(self.targets.of(intake.name), self.paused, folder)
        if view is not None:
            self.views.publish(view)

    def _publish_all(self) -> None:
        for intake in self.intakes:
            self._publish(intake)

    # --- sources

    def intake(self, source: str) -> Intake:
        """Raises FrameError where there is no such source."""
        for intake in self.intakes:
            if intake.name == source:
                return intake
        names = ", ".join(intake.name for intake in self.intakes)
        raise FrameError(f"there is no source {source!r}: there are {names or 'none'}")

    def take_in(self, feed: Feed) -> Intake:
        """A further source, not started. Its name is one that any page and program can say."""
        first = name = printable(feed.name)
        number = 2
        while name in {intake.name for intake in self.intakes}:
            name, number = f"{first} {number}", number + 1
        intake = Intake(name, feed, self._clock)
        self.intakes = (*self.intakes, intake)
        return intake

    def start(self, intake: Intake) -> None:
        def woken() -> None:
            intake.hear()
            self._wake()

        intake.feed.start(woken)

    def let_go(self, source: str) -> Feed:
        """Forget a source with its targets; returns its feed, which is to be closed."""
        intake = self.intake(source)
        self._record_shown(intake)
        self.remove(self.targets.of(source))
        self.intakes = tuple(known for known in self.intakes if known is not intake)
        self.views.forget(source)
        return intake.feed

    def seek(self, source: str, number: int) -> None:
        intake = self.intake(source)
        intake.feed.seek(number)
        intake.due, intake.sought = 1, True

    def watch(self, source: str, name: str | None) -> None:
        intake = self.intake(source)
        target = None if name is None else self.targets.named(name)
        if target is not None and target.source != source:
            raise BoxError(f"target {name!r} is in {target.source}, not in {source}")
        intake.watched = target.key if target is not None else None
        intake.seen = None
        self._publish(intake)

    # --- time

    def let_run(self, paused: bool) -> None:
        self.paused = paused
        for intake in self.intakes:
            intake.waits = intake.waits and paused
        self._publish_all()

    def step(self) -> None:
        for intake in self.intakes:
            intake.ask_for_one()
        self.let_run(paused=True)

    # --- targets

    def add(self, source: str, box: Sequence[float], name: str | None, number: int | None) -> str:
        intake, chosen = self.intake(source), self.targets.free_name(name)
        shot = self._shot(intake, number)
        given = checked_box(box, shot.frame.shape[:2])
        key = self.targets.free_key(chosen)
        begin = self._clock()
        with self._first_frame(intake, shot):
            self._tracker.add(shot.frame, given, key)
        took, colour = self._clock() - begin, self.targets.colour(key)
        target = Target(key, chosen, source, colour, shot.number, shot.number, given)
        self._begin(intake, target, shot, took)
        return chosen

    def redraw(self, name: str, box: Sequence[float], number: int | None) -> None:
        target = self.targets.named(name)
        intake = self.intake(target.source)
        shot = self._shot(intake, number)
        given = checked_box(box, shot.frame.shape[:2])
        begin = self._clock()
        self._tracker.remove(target.key)
        try:
            with self._first_frame(intake, shot):
                self._tracker.add(shot.frame, given, target.key)
        except Exception:
            self._forget({target.key})
            self._publish(intake)
            raise
        took = self._clock() - begin
        begun = replace(target, begun=shot.number, frame=shot.number, box=given, prediction=None)
        self._begin(intake, begun, shot, took)

    def rename(self, old: str, new: str) -> None:
        target = self.targets.named(old)
        if new != old:
            self.targets.put(replace(target, name=self.targets.free_name(new)))
            self._publish(self.intake(target.source))

    def remove(self, targets: Sequence[Target]) -> None:
        for target in targets:
            self._tracker.remove(target.key)
        self._forget({target.key for target in targets})
        self._publish_all()

    def _forget(self, keys: Collection[str]) -> None:
        """Those that the tracker does not know any more; another one of that name is not looked
        into."""
        self.targets.remove(keys)
        self._late.end(keys)
        for intake in self.intakes:
            if intake.watched in keys:
                intake.watched = intake.seen = None

    def begin_anew(self, tracker: BatchTracker) -> None:
        """Another tracker: the targets begin at their boxes in the newest frames; those that cannot
        are forgotten, which is said."""
        self._tracker = tracker
        for target in self.targets.all:
            intake = self.intake(target.source)
            shot = self._shot(intake, None)
            try:
                given = checked_box(target.box, shot.frame.shape[:2])
                with self._first_frame(intake, shot):
                    tracker.add(shot.frame, given, target.key)
            except TrackingError as error:
                self._forget({target.key})
                self.messages.say(f"target {target.name} is given up: {error}", target.source)
            else:
                begun, number = shot.number, shot.number
                self.targets.put(replace(target, begun=begun, frame=number, prediction=None))
                self._late.begin(target.key, shot)
        self._publish_all()

    def _begin(self, intake: Intake, target: Target, shot: Shot, seconds: float) -> None:
        self.targets.put(target)
        self._late.begin(target.key, shot)
        intake.waits = False
        intake.seconds = seconds
        self._record_boxes(intake, [target])
        self._publish(intake)

    @contextlib.contextmanager
    def _first_frame(self, begun: Intake, shot: Shot) -> Iterator[None]:
        """The tracker learns a target in a frame, which takes long: what comes meanwhile is
        gathered, for the target to catch up with."""
        begun.kept.follow(shot)
        gathering = () if self.paused else self.intakes
        for intake in gathering:
            intake.gather(True)
        try:
            yield
        finally:
            for intake in gathering:
                intake.gather(False)

    def _shot(self, intake: Intake, number: int | None) -> Shot:
        if number is not None:
            return intake.kept.find(number)
        if intake.shot is None:
            raise BoxError(f"{intake.name} has given no frame yet: wait for its first one")
        return intake.shot

    # --- the recording

    def start_recording(self, recordings: Path) -> Path:
        if self.recording is not None:
            raise ResultError(f"{self.recording.folder} is being recorded already: stop it first")
        folder = new_folder(recordings)
        self.recording = Recording(folder, [intake.name for intake in self.intakes])
        for intake in self.intakes:
            targets = self.targets.of(intake.name)
            self._record_boxes(intake, [t for t in targets if intake.shows(t)])
        self._publish_all()
        return folder

    def stop_recording(self) -> Recording:
        """Returns it, to be closed by another thread."""
        if self.recording is None:
            raise ResultError("nothing is being recorded: start a recording first")
        for intake in self.intakes:
            self._record_shown(intake)
        recording = self.recording
        if recording is None:  # it has just failed, which was said
            raise ResultError(self.messages.all[-1].line)
        self.recording = None
        recording.finish()
        self._publish_all()
        return recording

    def _record_shown(self, intake: Intake) -> None:
        """The frame that is shown, as it was shown last: boxes may be given after it came."""
        view = self.views.newest(intake.name)
        if self.recording is not None and view is not None:
            try:
                self.recording.frame(view, intake.feed.live, intake.feed.frame_rate)
            except ResultError as error:
                self._give_up_recording(error)

    def _record_boxes(self, intake: Intake, targets: Sequence[Target]) -> None:
        if self.recording is None or not targets:
            return
        rows = [
            ResultRow(
                target.frame,
                target.name,
                target.prediction.box if target.prediction else target.box,
                target.prediction.score if target.prediction else float("nan"),
                target.prediction.status if target.prediction else "init",
                intake.seconds,
            )
            for target in targets
        ]
        try:
            self.recording.boxes(intake.name, intake.feed.live, intake.feed.frame_rate, rows)
        except ResultError as error:
            self._give_up_recording(error)

    def _give_up_recording(self, error: ResultError) -> None:
        assert self.recording is not None
        recording, self.recording = self.recording, None
        recording.finish()
        self.given_up.append(recording)
        self.messages.say(f"{error}; {recording.folder} has what was recorded until then")
        self._publish_all()
