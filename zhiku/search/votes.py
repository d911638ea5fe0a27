"""Votes: from ranked documents to their owners, where owners are few and each has many documents.

Every document votes for its owner with its score by the reciprocal of its rank, after Macdonald and Ounis, "Voting for
candidates" (CIKM 2006), with a constant as in reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009) against
the first document deciding all alone:

    votes(owner) = sum over the owner's documents among the first k of  score / (constant + rank)

People are ranked otherwise (`zhiku.search.ranking`): they have few documents, and of different kinds.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import islice
from typing import TypeVar

Owner = TypeVar("Owner", bound=Hashable)

#: Documents that vote, and the constant, from the middle of a plateau. On 158 messages to be routed among some twenty
#: departments by 474 answered ones, the right one comes first, and among the first three, in 0.709 and 0.899 of the
#: cases, with meaning in 0.722 and 0.899. Any k from 15 to 70 with any constant from 1 to 5 gives 0.690 to 0.722 and
#: 0.891 to 0.918, with meaning 0.709 to 0.728 and 0.891 to 0.905; k = 10 is worse (0.690, 0.873). One message is 0.006.
#: Votes without scores do as well without meaning and worse with it; with a constant of 60, as in fusion, many voters
#: do harm (k = 100: 0.677, 0.867).
VOTERS = 20
CONSTANT = 2.0


def reciprocal_rank_votes(
    ranked: Iterable[tuple[Owner, float]], k: int = VOTERS, constant: float = CONSTANT
) -> list[tuple[Owner, float]]:
    """Owners with their votes, most first; of equal ones the one found first.

    `ranked` has (owner, score of the document), best first; ranks count from 1, and documents beyond the first `k` do
    not vote. Only the scores' proportions matter to the order: they may have any scale.
    """
    votes: dict[Owner, float] = {}
    for rank, (owner, score) in enumerate(islice(ranked, k), 1):
        votes[owner] = votes.get(owner, 0.0) + score / (constant + rank)
    return sorted(votes.items(), key=lambda one: -one[1])
