"""The multilingual model: a translation is near, and the vectors of both models are joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memory.embedding.embedder import CalibratedEmbedder
from memory.embedding.local import JOINED_DIMENSIONS, JOINED_NAME, NAME, LocalEmbedder
from memory.embedding.model.files import MULTILINGUAL_PIECES, read_verified
from memory.embedding.multilingual import DIMENSIONS, MultilingualEncoder
from memory.embedding.pieces import read_tokenizer

SAID = [
    "I left my umbrella at the library",
    "The cat must take its medicine twice a day",
    "We sold the old piano to the neighbours",
]
TRANSLATED = {
    "de": [
        "Ich habe meinen Regenschirm in der Bibliothek vergessen",
        "Die Katze muss zweimal am Tag ihre Medizin nehmen",
        "Wir haben das alte Klavier an die Nachbarn verkauft",
    ],
    "ja": ["図書館に傘を忘れました", "猫は一日二回薬を飲まなければなりません", "古いピアノを隣の人に売りました"],
    "ar": ["نسيت مظلتي في المكتبة", "يجب أن تأخذ القطة دواءها مرتين في اليوم", "بعنا البيانو القديم للجيران"],
}


@pytest.fixture(scope="module")
def encoder(multilingual_model: Path) -> MultilingualEncoder:
    return MultilingualEncoder.load(multilingual_model)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_is_nearest_to_its_translation(encoder: MultilingualEncoder, language: str) -> None:
    said = np.stack([encoder.encode(text) for text in SAID])
    translated = np.stack([encoder.encode(text) for text in TRANSLATED[language]])
    assert np.allclose(np.linalg.norm(said, axis=1), 1, atol=1e-5)
    cosines = said @ translated.T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2]
    assert np.diag(cosines).min() > 0.5


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("يُقام حفلُ التخرّجِ", "يقام حفل التخرج"),
        ("لديّ حساسيّةٌ من الفُول", "لدي حساسية من الفول"),
        ("مـــرحبـا", "مرحبا"),
        ("\u0640", ""),
    ],
)
def test_arabic_is_read_without_vowel_marks(encoder: MultilingualEncoder, marked: str, plain: str) -> None:
    assert np.array_equal(encoder.encode(marked), encoder.encode(plain))


def test_any_text_has_a_vector(encoder: MultilingualEncoder) -> None:
    for text in ("", " ", "\x00\ud7ff👍", "word " * 50_000):
        vector = encoder.encode(text)
        assert vector.shape == (DIMENSIONS,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_pieces_are_those_of_sentencepiece(multilingual_model: Path) -> None:
    # Ids by the package that the files are from.
    tokenizer = read_tokenizer(read_verified(multilingual_model, MULTILINGUAL_PIECES))
    assert tokenizer.encode("Which food can't we eat?").ids == [318, 7563, 2117, 114, 11, 31, 237, 2504, 21]
    assert tokenizer.encode("  a  b\n\nc\t d ").ids == [10, 254, 143, 95]
    assert tokenizer.encode("ﬁne ½ ＡＢＣ").ids == [1668, 32259, 13514]


@pytest.mark.parametrize("content", [b"", b"\x0a\x05abc", b"\x80", b"\x0b", b"\x0a\x03\x0a\x01a"])
def test_a_damaged_file_of_pieces_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="file"):
        read_tokenizer(content)


async def test_a_cosine_is_the_weighted_mean_of_both_models(
    embedder: LocalEmbedder, joined_embedder: LocalEmbedder, encoder: MultilingualEncoder
) -> None:
    assert (embedder.name, joined_embedder.name) == (NAME, JOINED_NAME)
    assert isinstance(joined_embedder, CalibratedEmbedder)
    calibration = joined_embedder.calibration
    assert calibration.multilingual is not None
    assert calibration.earlier_model == embedder.name
    assert embedder.calibration.multilingual is None
    start, share = calibration.multilingual.start, calibration.multilingual.share
    (document,) = await joined_embedder.embed_documents(SAID[:1])
    query = await joined_embedder.embed_query("Where is my umbrella?")
    assert document.shape == query.shape == (JOINED_DIMENSIONS,)
    english = float((await embedder.embed_documents(SAID[:1]))[0] @ await embedder.embed_query("Where is my umbrella?"))
    other = float(encoder.encode(SAID[0]) @ encoder.encode("Where is my umbrella?"))
    assert float(document @ query) == pytest.approx((1 - share) * english + share * other, abs=1e-5)
    assert float(document[start:] @ query[start:]) == pytest.approx(share * other, abs=1e-5)


async def test_without_the_files_only_the_english_model_is_used(local_model: Path, tmp_path: Path) -> None:
    embedder = await LocalEmbedder.load(local_model, tmp_path)
    assert embedder.name == NAME
