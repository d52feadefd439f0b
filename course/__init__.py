"""What the chapters add to the lab: exercises, figures and tools; a folder for each chapter."""
