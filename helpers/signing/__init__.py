"""What attestations need: a signing authority, a signature log, and whom their clients trust."""
