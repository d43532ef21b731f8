from gogooku.commands.features import features
from support.cli import done


def test_features_lists_the_catalogue(tmp_path):
    listed = done(tmp_path, "features", "--json").json
    assert len(listed) > 100
    assert all(one["meaning"] and one["unit"] for one in listed)
    said = done(tmp_path, "features").out
    assert all(one["name"] in said for one in listed[:20])


def test_one_feature_by_its_name_or_by_an_old_one():
    plain, old = features("z_close_20"), features("bb_position")
    assert [one["name"] for one in plain.facts] == ["z_close_20"]
    assert old.facts == plain.facts
    assert len(plain.parts) == 1
    assert old.parts[0] == "bb_position is an old name; here it is z_close_20"
    assert [part.title for part in (plain.parts[0], old.parts[1])] == ["z_close_20"] * 2
