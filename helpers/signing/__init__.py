"""What attestations need: a signing authority, a signature log, and the keys that their clients trust."""
