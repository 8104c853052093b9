"""Deployments: what a configuration becomes when it runs, and the way from one to the next."""
