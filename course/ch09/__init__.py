"""Exercises and tools of chapter 09."""
