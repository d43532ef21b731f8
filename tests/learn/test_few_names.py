from typing import Any

import pytest

from gogooku.learn.few_names import FEW_NAMES, few_names_config
from gogooku.learn.registry import LEARNERS


def default(kind):
    return LEARNERS.config(kind).model_validate({})


def differing(settings: dict[str, Any], config, prefix=""):
    for name, value in settings.items():
        usual = getattr(config, name)
        if isinstance(value, dict):
            yield from differing(value, usual, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value != usual


@pytest.mark.parametrize("kind", FEW_NAMES)
def test_what_is_said_for_few_names_is_not_the_default(kind):
    said = dict(differing(FEW_NAMES[kind], default(kind)))
    assert said
    assert all(said.values()), [name for name, differs in said.items() if not differs]


def test_a_kind_with_one_set_of_settings_has_its_defaults():
    assert few_names_config("ridge") == default("ridge")


def test_members_of_a_blend_are_for_few_names():
    blend = few_names_config("blend")
    assert blend.members == tuple(few_names_config(one.kind) for one in default("blend").members)
    assert blend.members != default("blend").members
    assert type(blend) is type(default("blend"))
