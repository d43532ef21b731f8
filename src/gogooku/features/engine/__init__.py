"""How features are computed: kernels, timelines of typed rows, base columns, the evaluator."""
