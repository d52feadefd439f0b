"""Exercises, figures and tools of chapter 08."""
