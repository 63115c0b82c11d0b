"""Track one target through a video and write its boxes.

python examples/track_video.py video.mp4 230,150,60,60 boxes.txt
"""

import sys

import cv2

from pytracking import Tracker

if len(sys.argv) != 4:
    sys.exit(__doc__)

video_path, box, boxes_path = sys.argv[1:]
video = cv2.VideoCapture(video_path)
tracker = Tracker.load(color="bgr")  # OpenCV's order of channels
tracker.initialize(video.read()[1], [float(number) for number in box.split(",")])

missing = 0
with open(boxes_path, "w", encoding="utf-8") as boxes:
    boxes.write(box + "\n")
    while (frame := video.read()[1]) is not None:
        prediction = tracker.track(frame)
        missing += prediction.status == "not_found"
        boxes.write(",".join(f"{number:.2f}" for number in prediction.box) + "\n")
print(f"{boxes_path} is written; the target was not found on {missing} frames")
