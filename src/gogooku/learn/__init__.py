"""Training tensors, learners and their checkpoints."""
