"""File formats of CT volumes, one module a family; `Volume.read` and `Volume.write` choose among them."""
