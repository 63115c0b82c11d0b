"""Keep pace with a camera: frames that come while the tracker is busy are passed over.

python examples/live_loop.py 0 230,150,60,60           camera 0
python examples/live_loop.py video.mp4 230,150,60,60   a video, played at its own rate
"""

import sys
from time import perf_counter

import cv2

from pytracking import Tracker

if len(sys.argv) != 3:
    sys.exit(__doc__)

name, box = sys.argv[1:]
source = cv2.VideoCapture(int(name) if name.isdigit() else name)
rate = source.get(cv2.CAP_PROP_FPS) or 25.0
tracker = Tracker.load("imagenet_mobile", color="bgr")  # the fastest
tracker.initialize(source.read()[1], [float(number) for number in box.split(",")])

start, seen, tracked = perf_counter(), 1, 0
while source.grab():
    seen += 1
    if perf_counter() - start > seen / rate and tracked:  # late: this frame is not even decoded
        continue
    prediction = tracker.track(source.retrieve()[1])
    tracked += 1
    x, y, w, h = prediction.box
    print(f"frame {seen}: centre {x + (w - 1) / 2:.0f},{y + (h - 1) / 2:.0f} {prediction.status}")
print(f"tracked {tracked} of {seen - 1} frames")
