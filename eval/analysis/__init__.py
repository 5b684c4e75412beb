"""Results that are there already: compared, explained, gathered. Each view stands beside what it shows."""
