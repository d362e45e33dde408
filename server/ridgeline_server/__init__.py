"""The price server: loads an artifact, proves it, answers over gRPC."""
