"""Identity providers, and the jobs that they speak for."""
