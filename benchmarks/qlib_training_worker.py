"""What runs under pyqlib's own interpreter: steps of one of its networks, timed.

    QLIB_PYTHON benchmarks/qlib_training_worker.py gats|alstm --names 1500 --width 256 --lookback 24

A batch of GATs is a session, as its loader gives; one of ALSTM is as many samples. Twenty channels
a session, as in its configs for Alpha158. Prints one JSON line.
"""

import argparse
import json
import time

from measure import measured

CHANNELS, STEPS, WARM = 20, 4, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=("gats", "alstm"))
    parser.add_argument("--names", type=int, default=1500)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--lookback", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    import torch
    from qlib.contrib.model.pytorch_alstm import ALSTMModel
    from qlib.contrib.model.pytorch_gats import GATModel

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    settings = {"d_feat": CHANNELS, "hidden_size": options.width, "num_layers": 2, "dropout": 0.0}
    if options.model == "gats":
        model = GATModel(**settings, base_model="GRU")
    else:
        model = ALSTMModel(**settings, rnn_type="GRU")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = torch.randn(options.names, options.lookback, CHANNELS)
    # ALSTM of 0.9.7 wants [n, channels * lookback]; GATs reshapes likewise.
    x = x.transpose(1, 2).reshape(options.names, -1)
    y = torch.randn(options.names)
    begun = 0.0
    with measured() as spent:
        for step in range(WARM + STEPS):
            if step == WARM:
                begun = time.perf_counter()
            loss = (model(x).flatten() - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_value_(model.parameters(), 3.0)
            optimizer.step()
        seconds = time.perf_counter() - begun
    print(
        json.dumps(
            {
                "samples_per_second": STEPS * options.names / seconds,
                "anonymous_gib": spent.anonymous_gib,
            }
        )
    )


if __name__ == "__main__":
    main()
