"""The training of `tarsier-tiny`: its tokenizer and weights from scratch, in three stages, on rendered clips."""
