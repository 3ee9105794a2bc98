"""The shop that most Django books build, as far as its models go. The `tutorial` preset is tested on it."""
