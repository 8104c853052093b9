"""Vendors that the protocol names, and that this server does not run: another server of the protocol may."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (
    Provider("assemblyai", "stt", "AssemblyAI Universal"),
    Provider("soniox", "stt", "Soniox, with turns"),
    Provider("xai", "stt", "xAI"),
    Provider("rime", "voice", "Rime"),
    Provider("soniox", "voice", "Soniox"),
    Provider("xai", "voice", "xAI"),
    Provider("pinecall", "model", "models of the hosted server's own"),
)
