"""The tutorial's network: a stand-in of the same shapes, and what is asked of it."""

import numpy as np
import pytest

from helpers.experiments import ch08_published_runs as experiments
from helpers.lm import published
from helpers.lm.model import LanguageModel, advance, start
from helpers.networks.elman import Elman
from helpers.results import files
from helpers.tasks import corpus
from helpers.tasks.text import END, START, UNKNOWN


def stand_in(H=50, V=8000, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"U": (H, V), "V": (V, H), "W": (H, H)}
    return {k: rng.normal(0, 0.2, s).astype(np.float32) for k, s in shapes.items()}


def at(tmp_path, **arrays):
    path = tmp_path / "network.npz"
    np.savez(path, **arrays)
    return path


def test_its_arrays_become_ours_and_say_the_same(tmp_path):
    theirs = stand_in()
    params = published.read(at(tmp_path, **theirs))
    assert [p.shape for p in params] == [
        *((8000, 50), (50, 50), (50,)),
        *((50, 8000), (8000,), (50,)),
    ]
    assert {p.dtype for p in params} == {np.dtype("float32")}
    s, state = np.zeros(50), start(params)
    for word in (0, 17, 7999, 3):
        s = np.tanh(theirs["U"][:, word] + theirs["W"] @ s)  # as the tutorial writes it
        state, o = advance(word, state, params)
        np.testing.assert_allclose(state[0], s, atol=1e-5)
        np.testing.assert_allclose(o, theirs["V"] @ s, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a | {"W": a["W"][:3]}, "must hold U"),
        (lambda a: a | {"U": a["U"].T}, "must hold U"),
        (lambda a: a | {"U": a["U"].ravel()}, "must hold U"),
        (lambda a: a | {"V": a["V"] * np.nan}, "finite numbers"),
        (lambda a: a | {"V": a["V"].astype(int)}, "finite numbers"),
        (lambda a: a | {"V": a["V"].astype(object)}, "fetch it again"),
        (lambda a: {"U": a["U"], "V": a["V"]}, "fetch it again"),
    ],
)
def test_another_file_is_refused_and_no_pickle_is_read(tmp_path, change, message):
    path = at(tmp_path, **change(stand_in(5, 20)))
    with pytest.raises(ValueError, match=message):
        published.read(path)


def test_it_is_looked_for_like_a_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("RNN_DATA_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match=r"published\.load\(fetch=True\)"):
        published.load()
    monkeypatch.setenv("RNN_DATA_DIR", str(tmp_path))
    at(tmp_path, **stand_in(5, 20)).rename(tmp_path / published.FILE)
    with pytest.raises(ValueError, match="damaged or another version"):
        published.load()
    assert (
        published.SOURCE.address.split("/")[5]
        == (corpus.SOURCES["classic"].address.split("/")[5])
    )


def test_the_published_file_where_it_is_at_hand():
    try:
        params = published.load()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert params.W_ih.shape == (8000, 50)


# Its words --------------------------------------------------------------------------

COMMENTS = ["Tea, tea and tea. We like tea.", "We like cake and cake.", "And tea, too."]


def test_words_are_counted_again_in_the_order_of_the_tutorial():
    counted = published.vocabulary(COMMENTS, 8)
    ranked = ("tea", ".", "and", ",", "cake")
    assert counted.vocabulary.words == (START, END, *ranked, UNKNOWN)
    assert counted.counts.tolist() == [0, 0, 5, 4, 3, 2, 2, 0]
    certain = published.certain(counted.counts)
    assert certain.tolist() == [True, True, True, True, True, False, False, True]
    assert len(counted.sentences) == 4
    with pytest.raises(ValueError, match="17 different words at least"):
        published.vocabulary(COMMENTS, 20)


def test_raw_comments_are_as_they_stand(tmp_path, monkeypatch):
    body = '"*Tea* &amp; cake"'
    (tmp_path / "reddit-comments-2015-08.csv").write_text(f"body\n{body}\n[deleted]\n")
    source = corpus.SOURCES["classic"]
    digest = corpus._sha256(tmp_path / "reddit-comments-2015-08.csv")
    here = source._replace(sha256=dict.fromkeys(source.sha256, digest))
    monkeypatch.setitem(corpus.SOURCES, "classic", here)
    monkeypatch.setenv("RNN_DATA_DIR", str(tmp_path))
    assert corpus.raw("classic") == ["*Tea* &amp; cake", "[deleted]"]
    assert corpus.load("classic") == ["Tea & cake"]
    with pytest.raises(ValueError, match="name must be one of"):
        corpus.raw("comments")


# What is asked of it ----------------------------------------------------------------


def chain(p_end=0.25, V=6, H=8):
    """A network that draws word 2 or 3, END with the probability `p_end`, no other."""
    b_o = np.full(V, -50.0)
    b_o[[2, 3, 1]] = np.log([(1 - p_end) / 2, (1 - p_end) / 2, p_end])
    zeros = np.zeros((V, H))
    return Elman(zeros, 0.5 * np.eye(H), np.zeros(H), zeros.T, b_o, np.zeros(H))


def test_sentences_end_as_often_as_the_network_says():
    found = experiments.looked_at(chain(), (0, 1, 3), made=4000)
    assert found["words"].value == pytest.approx(3, abs=0.2)  # (1 - p) / p
    assert found["of seven words or more"].value == pytest.approx(0.75**7, abs=0.02)
    assert found["unknown"].value == pytest.approx(0.5, abs=0.02)
    assert found["first unknown"] == pytest.approx(0.375)
    assert set(found["before end"]) == {"2", "3"}
    assert sum(found["before end"].values()) == pytest.approx(0.75, abs=0.03)
    assert found["radius"] == found["norm"] == pytest.approx(0.5)
    assert found["saturated"] == 0
    for k, kept in found["kept"].items():
        assert kept == pytest.approx(0.5 ** int(k), rel=1e-3)


def counted_comments(n):
    """Comments of 30 words, w0 the most common."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(30)])
    p = 1 / np.arange(1, 31)
    drawn = (rng.choice(words, rng.integers(3, 9), p=p / p.sum()) for _ in range(n))
    return [f"{' '.join(some)}." for some in drawn]


def read(tmp_path, scale=1):
    theirs = stand_in(6, 20)
    return published.read(at(tmp_path, **{k: scale * a for k, a in theirs.items()}))


def test_with_the_comments_its_words_are_known(tmp_path):
    found = experiments.with_words(read(tmp_path), counted_comments(300))
    assert found["sentences"] == 300
    assert 0 < found["certain"]["words"] <= 1
    perplexity = found["perplexity"]
    assert perplexity["trigram"] < perplexity["unigram"] < 20
    assert perplexity["network"] > perplexity["unigram"]  # it has learned nothing
    assert len(found["said"]) == experiments.SHOWN
    assert found["last"][0].startswith("w")


def test_whoever_knows_nothing_has_the_perplexity_of_all_words(tmp_path):
    nothing = read(tmp_path, scale=0)
    found = experiments.with_words(nothing, counted_comments(50))["perplexity"]
    assert found["network"] == found["ties shuffled"] == pytest.approx(20, rel=1e-6)


def test_sentences_are_the_first_that_pass_the_filter_and_the_others_counted(
    tmp_path, monkeypatch
):
    params, comments = read(tmp_path), counted_comments(300)
    free = experiments.with_words(params, comments)
    word = free["said"][0].split()[0].lower().strip(".,")
    monkeypatch.setattr(
        experiments, "unsuitable", lambda words: np.array([w == word for w in words])
    )
    filtered = experiments.with_words(params, comments)
    assert free["withheld"] == 0 < filtered["withheld"]
    assert not any(word in said.lower().split() for said in filtered["said"])
    kept = [said for said in free["said"] if said in filtered["said"]]
    assert filtered["said"][: len(kept)] == kept
    monkeypatch.setattr(experiments, "unsuitable", lambda words: np.ones(20, bool))
    none = experiments.with_words(params, comments)
    assert (none["withheld"], none["said"]) == (50, [])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("here", [True, False])
def test_the_record_is_written_and_read(tmp_path, monkeypatch, here):
    small = published.vocabulary(COMMENTS, 8).vocabulary
    ours = LanguageModel(small, chain(V=8), {})
    monkeypatch.setattr(LanguageModel, "load", lambda: ours)
    monkeypatch.setattr(published, "load", lambda: chain(V=8))
    monkeypatch.setattr(experiments, "MADE", 200)

    def raw(name):
        if not here:
            raise FileNotFoundError("the csv is not here: fetch it")
        return COMMENTS * 3

    monkeypatch.setattr(corpus, "raw", raw)
    experiments.record(tmp_path)
    document = experiments.load(tmp_path)
    assert files.plain(document["networks"]["ours"]["words"], "words")[0] > 1
    words = document["with_words"]
    assert words == {"missing": "the csv is not here"} if not here else words["last"]
    assert "words a sentence" in experiments.describe(document)
