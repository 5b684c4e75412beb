"""What a run will do, take and show, before it begins."""
