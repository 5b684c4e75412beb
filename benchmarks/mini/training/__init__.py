"""The training of the built-in world's checkpoints, in stages that both families share, on rendered clips."""
