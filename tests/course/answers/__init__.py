"""Known mistakes, cheats and other right answers for each exercise, chapter by chapter."""
