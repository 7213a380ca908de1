"""The networks of the chapters on every engine, side by side (`make bench`)."""
