"""Strips: one small picture of all frames that a model was shown, made where the frames are, for people to look at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from eval.core import Strip

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 16
"""Most frames in a row. WebP holds 16,383 pixels a side, and these times `MOST_WIDE` fit."""
MOST_FRAMES = 4096
"""Most frames of a strip: of more, the first."""
MOST_BYTES = 8 << 20
"""More bytes than a strip of so many frames has."""
_NAME = re.compile("[0-9a-f]{16}[.]webp")
_HIGH = 96
_HIGH_OF_MANY = 54
"""Height of a frame where there are more than `_FEW`."""
_FEW = 32
_MOST_WIDE = 256
_QUALITY = 70


def strip_of(frames: Sequence[Image]) -> Strip:
    """Return the strip of a clip's frames, as the model is shown them, in rows from the left.

    Args:
        frames: RGB images of any size, at least one; a cell has the shape of the first, and others are fitted into it.
    """
    from PIL import Image as pil  # noqa: N813
    from PIL import ImageOps

    shown = frames[:MOST_FRAMES]
    high = _HIGH if len(shown) <= _FEW else _HIGH_OF_MANY
    wide = max(1, min(_MOST_WIDE, round(high * shown[0].width / shown[0].height)))
    columns = min(COLUMNS, len(shown))
    sheet = pil.new("RGB", (columns * wide, -(-len(shown) // columns) * high))
    small: dict[int, Image] = {}
    for place, frame in enumerate(shown):
        if id(frame) not in small:
            small[id(frame)] = ImageOps.contain(frame, (wide, high), pil.Resampling.BILINEAR)
        one = small[id(frame)]
        row, column = divmod(place, columns)
        sheet.paste(one, (column * wide + (wide - one.width) // 2, row * high + (high - one.height) // 2))
    file = BytesIO()
    sheet.save(file, "WEBP", quality=_QUALITY, method=2)
    content = file.getvalue()
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.webp"
    return Strip(name=name, columns=columns, cell=(wide, high), content=content)


def strip_told(given: Any) -> tuple[Strip | None, int]:
    """Return the strip that a worker announces, without its content, and the number of bytes of this.

    Raises ValueError or TypeError where it cannot be one.
    """
    if given is None:
        return None, 0
    name, columns, wide, high, n_bytes = given
    strip = Strip(name=str(name), columns=int(columns), cell=(int(wide), int(high)))
    fits = 0 < strip.columns <= COLUMNS and min(strip.cell) > 0 and 0 < int(n_bytes) <= MOST_BYTES
    if not fits or _NAME.fullmatch(strip.name) is None:
        raise ValueError(given)
    return strip, int(n_bytes)
