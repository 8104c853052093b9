"""A small user agent of SIP, sans-I/O: calls, registrations, descriptions of sessions; no sound, no sockets."""
