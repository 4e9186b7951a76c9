"""The web page: photos in, a tried classifier out, without a terminal."""
