"""Tools: from a dotted path to a function, from its signature to a JSON Schema, and the call itself."""
