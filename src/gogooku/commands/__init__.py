"""The commands: one module each, what it does and what it has to say."""
