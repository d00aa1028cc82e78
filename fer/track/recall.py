"""Whether a face found is that of somebody who went out of sight."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fer.faces import overlaps
from fer.track.flow import Floats
from fer.track.looks import likeness, paired
from fer.track.table import Moment, Rows

SAME: Final = 0.85  # likeness from which it may be
CLEARER: Final = 0.03  # by so much it must be more alike than anybody else
SAME_PLACE: Final = 0.1  # likeness added where that one went out of sight at this very place
JUST_GONE: Final = 0.05  # and where it was a moment ago
TOUCHING: Final = 0.25  # overlap that makes it the same place


def recalled(
    boxes: Floats, then: Moment, known: Rows, size: Floats, patience: float
) -> npt.NDArray[np.int64]:
    """Pairs of a box found then and a row out of sight that are one person, (n, 2).

    The rows' own boxes are in pixels of a picture of the given size.
    """
    alike = likeness(then.thumb, then.size, boxes, known["look"])
    places = known["box"] * np.tile(then.size / size, 2)
    alike += SAME_PLACE * ((overlaps(boxes, places) >= TOUCHING) & ~known["torn"])
    alike += JUST_GONE * (known["gone"] > then.time - patience)
    # Ids never there together may be one person's, who wasn't recognised once: no rivals.
    after = known["born"][:, None] >= known["gone"]
    return np.array(paired(alike, SAME, CLEARER, after | after.T), np.int64).reshape(-1, 2)
