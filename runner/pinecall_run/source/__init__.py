"""Source text with positions: YAML nodes, spans, diagnostics and how they are shown."""
