"""Files inside archives, read where they lie, without unpacking.

A `Member` is the path of such a file or folder, `videos/star.zip!/Charades_v1_480/a.mp4`, and is used like any other
path. `listing.py` lists an archive once, `content.py` reads from it. Archives are zip and tar files, parquet files with
videos in their rows (`parquet.py`), and data sets on the hub (`hub.py`), whose files may be archives again.
"""

from eval.archives.content import local_name
from eval.archives.listing import ARCHIVES, NOT_IN_PLACE
from eval.archives.member import Member, media_path

__all__ = ["ARCHIVES", "NOT_IN_PLACE", "Member", "local_name", "media_path"]
