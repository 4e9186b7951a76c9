"""A classifier behind an address: an HTTP API, and a web page on the same server."""
