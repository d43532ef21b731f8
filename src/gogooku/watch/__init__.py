"""The watch: what an evening gave, held against what was promised; for people and Prometheus."""
