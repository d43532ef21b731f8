"""Spaces from files, and settings as a file that `gogooku train --config` reads."""

import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError
from gogooku.learn.spaces import space_of
from gogooku.runs.named import run_named
from gogooku.search.settings import applied, space_for, space_toml, toml_text


@pytest.mark.parametrize("name", ["ridge", "lightgbm", "atft-gat-fan", "apex-ranker"])
def test_a_space_that_is_written_is_read_as_it_was(name, tmp_path):
    space = space_of(name.replace("-", "_"))
    file = tmp_path / "space.toml"
    file.write_text(space_toml(space))
    assert space_for(run_named(name), file) == space


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('path = "learner.leafs"\nkind = "whole"\nlow = 2\nhigh = 9', r"leafs.*learner\.leaves"),
        ('path = "learner.leaves"\nkind = "whole"\nlow = 1\nhigh = 9', "knob learner.leaves at 1"),
        ('path = "seed"\nkind = "whole"\nlow = 1\nhigh = 9', "decides how trials are judged"),
        (
            'path = "split.num_folds"\nkind = "whole"\nlow = 1\nhigh = 9',
            "decides how trials are judged",
        ),
        ('path = "learner.leaves"\nkind = "whole"\nlow = 1', "high"),
        ("kind = 3", "kind"),
    ],
)
def test_a_space_that_is_not_of_the_run_is_refused(text, said, tmp_path):
    file = tmp_path / "space.toml"
    file.write_text(f"[[knobs]]\n{text}\n")
    with pytest.raises(ConfigError, match=said):
        space_for(run_named("lightgbm"), file)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text("[[knobs")
    with pytest.raises(ConfigError, match="space.toml"):
        space_for(run_named("lightgbm"), file)


def test_what_was_found_can_be_given_to_a_run(tmp_path):
    run = run_named("atft-gat-fan")
    found = space_of("atft_gat_fan").settings(
        {"history": "none", "learner.hidden": 128, "learner.dropout": 1e-1}
    )
    file = tmp_path / "best.toml"
    file.write_text(toml_text(found, remark="two\nlines"))
    again = resolve(run, base_name="atft-gat-fan", file=file).config
    assert again == applied(run, found)
    assert file.read_text().startswith("# two\n# lines\n")
