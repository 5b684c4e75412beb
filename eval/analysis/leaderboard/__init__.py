"""What all runs came to, in one table: rows, the file that keeps them, and what makes a row reproducible."""
