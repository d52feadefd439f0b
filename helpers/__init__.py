"""The lab behind the chapters: identity providers, a package index, and the machine that a CI job
runs on."""
