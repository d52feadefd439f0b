"""Chapter 09 draws nothing: its pictures are the reader's own workflows."""
