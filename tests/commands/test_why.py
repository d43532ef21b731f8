"""`gogooku why`: the reasons of a name as they were published, and why there are none."""

import shutil

import pytest

from gogooku.commands.why import Asked, why
from gogooku.core.errors import NotFoundError
from gogooku.publish import reasons as publishing
from gogooku.publish.publication import RANKING, Content, newest_publication, publish
from gogooku.publish.reasons import LARGEST, REST, WHY, WHY_GROUPS
from support.cli import done, is_one_paragraph, run_cli


@pytest.fixture(scope="module")
def published(tour_home, tmp_path_factory):
    """A home in which ridge has published the last session, and that publication."""
    home = tmp_path_factory.mktemp("why") / "home"
    shutil.copytree(tour_home, home)
    bundle = done(home, "release", "ridge", "--json").json["bundle"]
    day = done(home, "predict", "--run", "ridge", "--json").json["date"]
    done(home, "evening", "--source", "tiny", "--at", f"{day}T20:30", "--json")
    return home, newest_publication(home, "tiny", bundle)


def asked(home, *argv):
    return run_cli(home, "why", *argv, "--source", "tiny")


@pytest.mark.parametrize("place", [0, -1])
def test_features_and_groups_of_the_best_and_the_worst_name_add_up_to_the_score(published, place):
    home, made = published
    row = made.frame(RANKING).row(place, named=True)
    found = done(home, "why", row["code"], "--source", "tiny", "--json").json
    assert (found["code"], found["rank"], found["score"]) == (
        row["code"], row["rank"], pytest.approx(row["score_5"]),
    )  # fmt: skip
    for rows in (found["features"], found["groups"]):
        assert sum(one["contribution"] for one in rows) == pytest.approx(row["score_5"], abs=1e-6)
    names = [one["feature"] for one in found["features"]]
    assert names[-1] == REST
    assert 1 < len(names) <= LARGEST + 1
    assert all(one["meaning"] for one in found["features"])
    sizes = [abs(one["contribution"]) for one in found["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) > 1


def test_for_people_both_names_and_every_row(published):
    home, made = published
    row = made.frame(RANKING).row(0, named=True)
    said = " ".join(asked(home, row["code"]).out.split())
    assert f"{row['name_en']} / {row['name_ja']}: rank 1 of" in said
    assert "what each group adds" in said
    assert "both tables add up to the score" in said
    day = str(made.session)
    assert done(home, "why", row["code"], "--source", "tiny", "--date", day).out
    assert asked(home, row["code"], "--date", "2001-01-05").code != 0


def test_of_a_code_of_tokyo_four_digits_are_enough(published):
    home, made = published
    code = made.frame(RANKING)["code"][0]
    assert code.endswith("0")
    assert why(home, Asked(code[:-1], "tiny")).facts["code"] == code


def test_what_is_not_there_says_why(published):
    home, made = published
    nobody = asked(home, "99999")
    assert nobody.code != 0
    assert is_one_paragraph(nobody.err)
    assert "99999' is not among the" in nobody.err
    ranking, frames = made.frame(RANKING), {WHY: made.frame(WHY)}
    bare = shutil.copytree(home, home.with_name("bare"))
    shutil.rmtree(bare / "publications")
    middle = str(ranking["code"][ranking.height // 2])
    frames = {
        RANKING: ranking,
        WHY: made.frame(WHY).filter(code=ranking["code"][0]),
        WHY_GROUPS: made.frame(WHY_GROUPS),
    }
    put = {"inputs": {}, "at": made.published_at}
    content = Content(frames=frames, facts={"horizon": 5})
    publish(bare, "tiny", made.session, made.bundle_id, content, **put)
    with pytest.raises(NotFoundError, match=f"first {publishing.EXPLAINED} names, the last 10"):
        why(bare, Asked(middle, "tiny"))
    shutil.rmtree(bare / "publications")
    with pytest.raises(NotFoundError, match="has published nothing yet"):
        why(bare, Asked(middle, "tiny"))
    none = Content(frames={RANKING: ranking}, facts={"horizon": 5, "why_not": "peers"})
    publish(bare, "tiny", made.session, made.bundle_id, none, **put)
    with pytest.raises(NotFoundError, match="names see one another"):
        why(bare, Asked(middle, "tiny"))
