"""The agent's side: a TAPI client with its own remotesp endpoint."""
