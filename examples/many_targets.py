"""Track several targets in one pass a frame; one that stays lost is given up.

python examples/many_targets.py video.mp4 left=230,150,60,60 right=330,140,60,70
"""

import sys

import cv2

from pytracking import MultiTracker

if len(sys.argv) < 3:
    sys.exit(__doc__)

PATIENCE = 10  # frames

video = cv2.VideoCapture(sys.argv[1])
tracker = MultiTracker.load(color="bgr")
frame = video.read()[1]
for name, _, box in (argument.partition("=") for argument in sys.argv[2:]):
    tracker.add(frame, [float(number) for number in box.split(",")], name)

lost = dict.fromkeys(tracker.names, 0)
while (frame := video.read()[1]) is not None:
    for name, prediction in tracker.track(frame).items():
        lost[name] = lost[name] + 1 if prediction.status == "not_found" else 0
        x, y, w, h = prediction.box
        print(f"{name}: {x:.1f},{y:.1f},{w:.1f},{h:.1f}  {prediction.status}")
        if lost[name] > PATIENCE:
            tracker.remove(name)  # any time between two frames; `add` likewise
            print(f"{name}: given up")
