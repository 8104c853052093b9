"""What notices come to: metrics, traces, readiness, and the port that tells them."""
