"""Certificates to try TLS with; needs the extra `certs`."""
