"""APEX-Ranker: patches of one name's history and its level, no other name."""
