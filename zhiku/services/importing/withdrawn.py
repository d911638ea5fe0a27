"""What a row may not bring back: data whose consent its person has taken back. The rest of the row is imported."""

from __future__ import annotations

from zhiku.domain.experts import ExpertStatus

#: Stands in the report of a row with a contact that was left out.
CONTACT_WITHDRAWN = (
    "本人撤回了保存联系方式的同意，这一行的联系方式没有写入，其余内容照常导入；本人重新同意后，请先登记同意"
)

#: Where the profile of somebody who took the consent to it back may go.
LEFT = frozenset({ExpertStatus.WITHDRAWN, ExpertStatus.DECEASED})


def status_withdrawn(to: ExpertStatus) -> str:
    """Stands in the report of a row that would have brought a profile back."""
    return f"本人撤回了在智库建立档案的同意，状态不改为“{to.label}”，其余内容照常导入；本人重新同意后，请先登记同意"
