"""Stop in mid-video and go on later, in another process if you like, as if nothing had happened.

python examples/save_and_resume.py video.mp4 230,150,60,60
"""

import sys

import cv2

from pytracking import Tracker

if len(sys.argv) != 3:
    sys.exit(__doc__)

STOP = 3  # frames before the state is written

video = cv2.VideoCapture(sys.argv[1])
tracker = Tracker.load("imagenet_mobile", color="bgr")
tracker.initialize(video.read()[1], [float(number) for number in sys.argv[2].split(",")])
for _ in range(STOP):
    tracker.track(video.read()[1])
tracker.save("target.state")

later = Tracker.load("imagenet_mobile", color="bgr")  # the same network, preset and seed
later.resume("target.state")
while (frame := video.read()[1]) is not None:
    expected, prediction = tracker.track(frame), later.track(frame)
    print(prediction.box, "same" if prediction == expected else "different")
