"""What two judges make of the same predictions."""
