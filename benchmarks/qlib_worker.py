"""What runs under pyqlib's own interpreter: reads a Qlib folder and says what it saw and spent.

    QLIB_PYTHON benchmarks/qlib_worker.py alpha158 FOLDER --kernels 2 [--values FILE.npz]
    QLIB_PYTHON benchmarks/qlib_worker.py fields FOLDER --fields "close;Ref($close,1)"

Prints one JSON line. Imports nothing of ours, and nothing but what pyqlib brings.
"""

import argparse
import json
import resource
import time
from pathlib import Path


def spent() -> tuple[float, float]:
    """Wall and CPU seconds so far, of this process and its finished children."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(who) for who in both]
    return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("alpha158", "fields"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kernels", type=int, default=1)
    parser.add_argument("--fields", default="")
    parser.add_argument("--instruments", default="all")
    parser.add_argument("--values", type=Path)
    options = parser.parse_args()

    import numpy as np
    import qlib
    from qlib.contrib.data.loader import Alpha158DL
    from qlib.data import D

    qlib.init(
        provider_uri=str(options.folder),
        kernels=options.kernels,
        expression_cache=None,
        dataset_cache=None,
        logging_level=40,
    )
    if options.what == "alpha158":
        expressions, names = Alpha158DL.get_feature_config()
    else:
        names = options.fields.split(";")
        expressions = [name if "$" in name else f"${name}" for name in names]
    wall, cpu = spent()
    frame = D.features(D.instruments(options.instruments), expressions, freq="day")
    done_wall, done_cpu = spent()
    if options.values is not None:
        index = frame.index
        np.savez(
            options.values,
            date=index.get_level_values("datetime").to_numpy().astype("datetime64[D]"),
            code=np.array(list(index.get_level_values("instrument")), dtype=str),
            values=frame.to_numpy(dtype=np.float32),
        )
    print(
        json.dumps(
            {
                "version": qlib.__version__,
                "rows": len(frame),
                "features": len(names),
                "known": int(frame.notna().to_numpy().sum()),
                "wall_seconds": done_wall - wall,
                "cpu_seconds": done_cpu - cpu,
            }
        )
    )


if __name__ == "__main__":
    main()
