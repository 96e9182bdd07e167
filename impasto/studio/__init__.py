"""Impasto Studio: the local web app's server, and what the browser app in `web/` is made from."""
