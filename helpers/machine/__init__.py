"""The machine that a CI job runs on, and how its requests reach the lab."""
