"""Training and validation questions compared: which data they are, and what they share."""

import hashlib
from collections.abc import Sequence

from lightning.pytorch.utilities import rank_zero_warn

from p2o.types import Question


def questions_fingerprint(questions: list[Question]) -> str:
    """Number and digest of ids, texts and answers, such as "192-9f86d081884c7d65"."""
    digest = hashlib.blake2b(digest_size=8)
    for question in questions:
        digest.update(repr((question.id, question.text, question.answer)).encode())
    return f"{len(questions)}-{digest.hexdigest()}"


def warn_of_overlap(train: Sequence[Question], validation: Sequence[Question]) -> None:
    """Names validation questions that are trained on, whose accuracy says nothing of new ones, and counts twins."""
    texts = {question.text.strip() for question in train}
    if known := [question.id for question in validation if question.text.strip() in texts]:
        rank_zero_warn(
            f"{len(known)} of {len(validation)} validation questions are training questions as well: "
            f"{', '.join(known)[:300]}. Their accuracy says nothing of new questions; take them out of one of the two."
        )
    if twins := len(train) - len(texts):
        rank_zero_warn(
            f"{twins} of {len(train)} training questions have the text of another one, and are asked as often: "
            "`p2o prepare` leaves one of each."
        )
