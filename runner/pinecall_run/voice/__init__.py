"""The embedded voice server: conversations, the model loop, and the doors people and runners come through."""
