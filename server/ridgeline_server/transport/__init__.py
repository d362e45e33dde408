"""The wire: parse, call the engine, pack, and give every error its status. grpc and protobuf stop here."""
