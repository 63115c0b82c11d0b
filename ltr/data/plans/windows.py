"""What training shows of a frame, and where the target lies in it."""

from __future__ import annotations

from torch import Tensor

from ltr.crops import CropWindow, exact_window
from ltr.data.configuration import Crops
from ltr.geometry import centre_size, to_window
from ltr.published_windows import training_window_2019, training_window_2020
from ltr.transfer import constant


def training_windows(
    crops: Crops, boxes_xywh: Tensor, jittered_xywh: Tensor, frame_hw: Tensor
) -> tuple[CropWindow, Tensor]:
    """The windows around jittered boxes (R, 4) in frames of sizes (R, 2), and the true boxes (R, 4)
    in their crops, in pool format; a true box may lie outside of its crop.

    All on the tensors' device, frame pixels."""
    out_hw = (crops.side, crops.side)
    if crops.window == "published_2019":
        window = training_window_2019(jittered_xywh, crops.area, out_hw, frame_hw)
    elif crops.window == "published_2020":
        window = training_window_2020(
            jittered_xywh, crops.area, out_hw, frame_hw, crops.border, crops.max_scale_change
        )
    else:
        centre, size = (value.double() for value in centre_size(jittered_xywh))
        side = size.prod(-1, keepdim=True).sqrt() * crops.area
        window = exact_window(centre.float(), side.expand(-1, 2).float(), out_hw)
    return window, boxes_in_crops(boxes_xywh, window)


def boxes_in_crops(boxes_xywh: Tensor, window: CropWindow) -> Tensor:
    """Boxes (R, 4) of frames in the crops of windows (R), in pool format, float32."""
    out = constant(window.out_hw, boxes_xywh.device, boxes_xywh.dtype)
    centre, size = centre_size(boxes_xywh)
    return to_window(centre, size, window.centre_yx, window.size_hw / out, out).float()
