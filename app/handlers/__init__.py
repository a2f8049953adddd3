"""One protocol, one module: read the parameters, call one service, wrap the answer."""
