"""Pages: one HTML file each, which opens from disk in any browser and asks the network for nothing."""
