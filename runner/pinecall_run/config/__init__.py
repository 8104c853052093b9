"""What pinecall.yaml means: schema, variables, rules, and the frozen Config they end in."""
