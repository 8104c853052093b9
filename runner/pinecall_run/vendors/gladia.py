"""Gladia's speech to text."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (Provider("gladia", "stt", "Gladia Solaria: many languages, switched in mid-sentence"),)
