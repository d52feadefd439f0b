"""The package index: accounts, publishers, tokens, uploads, downloads."""
